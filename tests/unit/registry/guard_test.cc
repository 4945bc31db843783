// Goal: what a registered store, codec or array driver throws, and a null that it returns, becomes
// an error that names place, part and method; what does not break works as without the guard.
// Method: the plugin of tests/plugins/breaks.cc, told to break at each place in turn; exact texts.
#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <typeindex>
#include <typeinfo>
#include <vector>

#include "coffer/array/array.h"
#include "coffer/array/chunks.h"
#include "coffer/array/copy.h"
#include "coffer/array/group.h"
#include "coffer/array/verify.h"
#include "coffer/kvstore/store_table.h"
#include "coffer/kvstore/stores.h"
#include "coffer/registry/plugin.h"

namespace coffer {
namespace {

Context Broken() {
  const Context context = Context::Create({.threads = 1});  // One order of chunks.
  AddPlugin(*coffer_register_v0(), context).OrDie();
  return context;
}

// How it breaks, and what is then said.
struct Way {
  std::string how;
  StatusCode code;
  std::string said;
};
const std::vector<Way>& Throwing() {
  static const auto& ways =
      *new std::vector<Way>{{"throw", StatusCode::kInternal, "exception: $ broke"},
                            {"int", StatusCode::kInternal, "exception of no standard type"},
                            {"mute", StatusCode::kInternal, "exception: "},
                            {"memory", StatusCode::kResourceExhausted, "out of memory"}};
  return ways;
}

Status Expected(const Way& way, const std::string& where, const std::string& before) {
  std::string said = way.said;
  if (const size_t at = said.find('$'); at != said.npos) said.replace(at, 1, where);
  return Status(way.code, before + said);
}

TEST(Guard, OpeningAStore) {
  const Context context = Broken();
  for (const Way& way : Throwing()) {
    const std::string url = "breaks://" + way.how + "-open";
    EXPECT_EQ(OpenKvStore(url, context).status(),
              Expected(way, "open", "URL \"" + url + "\": store driver \"breaks\": "));
    const std::string json = R"({"driver": "breaks", "how": ")" + way.how + "-open\"}";
    EXPECT_EQ(OpenKvStore(json, context).status(),
              Expected(way, "open", "at $: store driver \"breaks\": "));
    EXPECT_EQ(OpenKvStore("breaks://" + way.how + "-capabilities", context).status(),
              Expected(way, "capabilities", "breaks:: store driver \"breaks\": capabilities: "));
  }
  EXPECT_EQ(OpenKvStore("breaks://null-open", context).status(),
            InternalError("URL \"breaks://null-open\": store driver \"breaks\": opened no store"));
  EXPECT_EQ(OpenKvStore(R"({"driver": "breaks", "how": "null-open"})", context).status(),
            InternalError("at $: store driver \"breaks\": opened no store"));
}

TEST(Guard, OpeningAPath) {
  StoreTable table(nullptr);
  const auto open = [](std::string_view path, const Context&) -> Result<KvStorePtr> {
    if (path == "null") return KvStorePtr();
    throw 7;
  };
  ASSERT_EQ(table.Add({.name = "paths", .open_path = open}), Status());
  EXPECT_EQ(table.OpenPath("x", Context::Default()).status(),
            InternalError("path \"x\": store driver \"paths\": exception of no standard type"));
  EXPECT_EQ(table.OpenPath("null", Context::Default()).status(),
            InternalError("path \"null\": store driver \"paths\": opened no store"));
}

// One operation of a store: where it breaks, the name it goes by, the key it is blamed on.
struct Operation {
  std::string where;
  std::string name;
  std::string key;
  std::function<Status(KvStore&)> run;
};

const std::byte kBytes[3] = {};

Status Written(KvStore& store) {
  COFFER_ASSIGN_OR_RETURN(const auto writer, store.OpenWriter("w"));
  COFFER_RETURN_IF_ERROR(writer->Append(kBytes));
  return writer->Commit().Get().status();
}

const std::vector<Operation>& Operations() {
  static const auto& all = *new std::vector<Operation>{
      {"Read", "Read", "k", [](KvStore& s) { return s.Read("k").Get().status(); }},
      {"ReadInto", "ReadInto", "k",
       [](KvStore& s) {
         std::byte bytes[3];
         return s.ReadInto("k", bytes).Get().status();
       }},
      {"ReadRanges", "ReadRanges", "k",
       [](KvStore& s) { return s.ReadRanges("k", {ByteRange::Span(0, 1)}).Get().status(); }},
      {"Write", "Write", "new",
       [](KvStore& s) { return s.Write("new", Bytes::Copy("v")).Get().status(); }},
      {"Delete", "Delete", "new",
       [](KvStore& s) { return s.Write("new", std::nullopt).Get().status(); }},
      {"OpenWriter", "OpenWriter", "w", Written},
      {"Append", "Append", "w", Written},
      {"Commit", "Commit", "w", Written},
      {"List", "List", "", [](KvStore& s) { return ListAll(s).status(); }},
      {"Next", "List", "", [](KvStore& s) { return ListAll(s).status(); }},
      {"DeleteRange", "DeleteRange", "a",
       [](KvStore& s) { return s.DeleteRange({"a", "b"}).Get(); }},
      {"RenamePrefix", "RenamePrefix", "from/",
       [](KvStore& s) {
         COFFER_RETURN_IF_ERROR(s.Write("from/x", Bytes::Copy("v")).Get());
         return s.RenamePrefix("from/", "to/").Get();
       }},
      {"ClearDebris", "ClearDebris", "d",
       [](KvStore& s) { return s.ClearDebris(KeyRange::Prefix("d"), {}).Get().status(); }}};
  return all;
}

KvStorePtr OpenWithKey(const std::string& url, const Context& context) {
  KvStorePtr store = OpenKvStore(url, context).OrDie();
  (void)store->Write("k", Bytes::Copy("abc")).Get();  // May be what breaks.
  return store;
}

TEST(Guard, EveryOperationOfAStore) {
  const Context context = Broken();
  for (const Operation& operation : Operations()) {
    const std::string before =
        "breaks:" + operation.key + ": store driver \"breaks\": " + operation.name + ": ";
    for (const Way& way : Throwing()) {
      const KvStorePtr store = OpenWithKey("breaks://" + way.how + "-" + operation.where, context);
      EXPECT_EQ(operation.run(*store), Expected(way, operation.where, before));
    }
    EXPECT_EQ(operation.run(*OpenWithKey("breaks://nowhere", context)), Status());
    if (operation.where == "Append") continue;  // Returns no pointer.
    const bool opens = operation.where == "OpenWriter" || operation.where == "List";
    EXPECT_EQ(operation.run(*OpenWithKey("breaks://null-" + operation.where, context)),
              InternalError(before + (opens ? "returned nothing" : "returned no future")));
  }
}

TEST(Guard, TheDefaultsOfAStoreThatBreaks) {
  const Context context = Broken();
  const auto blame = [](const std::string& key, const std::string& said) {
    return InternalError("breaks:" + key + ": " + said);
  };
  const auto no_read = blame("k", "Read returned no future");
  KvStorePtr store = OpenWithKey("defaults://null-Read", context);
  std::byte bytes[3];
  EXPECT_EQ(store->ReadInto("k", bytes).Get().status(), no_read);
  EXPECT_EQ(store->ReadRanges("k", {ByteRange::Span(0, 1)}).Get().status(), no_read);
  EXPECT_EQ(Written(*OpenWithKey("defaults://null-Write", context)),
            blame("w", "store driver \"defaults\": Commit: returned no future"));
  EXPECT_EQ(OpenWithKey("defaults://null-List", context)->DeleteRange({}).Get(),
            blame("", "List returned nothing"));
  EXPECT_EQ(OpenWithKey("defaults://null-Next", context)->DeleteRange({}).Get(),
            blame("", "Next returned no future"));
  EXPECT_EQ(OpenWithKey("defaults://null-Delete", context)->DeleteRange({}).Get(),
            blame("", "Write returned no future"));
  store = OpenWithKey("defaults://throw-Read", context);
  EXPECT_EQ(store->ReadInto("k", bytes).Get().status(),
            blame("k", "store driver \"defaults\": ReadInto: exception: Read broke"));
  EXPECT_EQ(store->ReadRanges("k", {ByteRange::Span(0, 1)}).Get().status(),
            blame("k", "store driver \"defaults\": ReadRanges: exception: Read broke"));
}

TEST(Guard, AStoreThatCannotNameItsKeys) {
  const KvStorePtr store = OpenWithKey("breaks://throw-Describe", Broken());
  EXPECT_EQ(store->Describe("k"), "a key (k) that it cannot name");
  EXPECT_EQ(store->Read("k").Get().OrDie().value.text(), "abc");
}

TEST(Guard, BuiltInStoresAreHandedOutAsTheyAre) {
  const Context context = Broken();
  const auto type_of = [&](const std::string& url) {
    const KvStorePtr store = OpenKvStore(url, context).OrDie();
    const KvStore& object = *store;
    return std::type_index(typeid(object));
  };
  const KvStorePtr memory = MakeMemoryStore("plain", context);
  const KvStore& plain = *memory;
  EXPECT_EQ(type_of("memory://plain"), std::type_index(typeid(plain)));
  EXPECT_NE(type_of("memory://plain"), type_of("breaks://nowhere"));
  EXPECT_NE(type_of("/tmp"), type_of("breaks://nowhere"));
}

TEST(Guard, WhatALookerThrowsEndsTheListing) {
  const KvStorePtr store = MakeMemoryStore();
  store->Write("a/k", Bytes::Copy("v")).Get().OrDie();
  EXPECT_EQ(ForEachPage(*store, {.range = KeyRange::Prefix("a/")},
                        [](std::span<const ListEntry>) -> Status { throw 7; }),
            InternalError(store->Describe("a/") + ": exception of no standard type"));
}

CreateOptions Layout(const Context& context, const std::string& how) {
  CreateOptions options{
      .shape = {4}, .chunk_shape = {2}, .codec = {"breaks", R"({"break":")" + how + "\"}"}};
  options.context = context;
  return options;
}

TEST(Guard, MakingAndBindingACodec) {
  const Context context = Broken();
  const std::string url = "memory://codec";
  for (const Way& way : Throwing()) {
    EXPECT_EQ(CodecTable(&context.Get<CodecTable>())
                  .Make("breaks", R"({"break":")" + way.how + "-make\"}")
                  .status(),
              Expected(way, "make", "codec \"breaks\": "));
    EXPECT_EQ(Array::Create(url, Layout(context, way.how + "-Bind")).status(),
              Expected(way, "Bind", "memory://codec/zarr.json: at $.codecs[1] (breaks): "));
  }
  EXPECT_EQ(context.Get<CodecTable>().Make("breaks", R"({"break":"null-make"})").status(),
            InternalError("codec \"breaks\": its `make` returned no codec"));
  EXPECT_EQ(Array::Create(url, Layout(context, "null-Bind")).status(),
            InternalError("memory://codec/zarr.json: at $.codecs[1] (breaks): bound to nothing"));
}

TEST(Guard, EncodingAndDecoding) {
  const Context context = Broken();
  const std::vector<uint8_t> values = {1, 2, 3, 4};
  for (const Way& way : Throwing()) {
    const std::string url = "memory://coding_" + way.how;
    const Array encodes = Array::Create(url + "/e", Layout(context, way.how + "-Encode")).OrDie();
    EXPECT_EQ(encodes.Write(Box::Full({4}), Ref(values.data(), {4})),
              Expected(way, "Encode", url + "/e/c/0, chunk at [0]: codecs[1] (breaks): "));
    const Array decodes = Array::Create(url + "/d", Layout(context, way.how + "-Decode")).OrDie();
    ASSERT_EQ(decodes.Write(Box::Full({4}), Ref(values.data(), {4})), Status());
    EXPECT_EQ(decodes.Read<uint8_t>({}).status(),
              Expected(way, "Decode", url + "/d/c/0, chunk at [0]: codecs[1] (breaks): "));
  }
}

// What a codec that breaks when it encodes, or decodes, does to an array of four elements in chunks
// of two, which may stand in one shard.
struct Coding {
  explicit Coding(const std::string& how, bool sharded)
      : url("memory://" + how + (sharded ? "_sharded" : "")) {
    CreateOptions options = Layout(context, "throw-" + how);
    if (sharded) options.shard_shape = {4};
    options.format.checksum = false;
    array = Array::Create(url, options).OrDie();
    options.codec = Uncompressed();
    other = Array::Create(url + "_plain", options).OrDie();
    other->Write(Box::Full({4}), Ref(values.data(), {4})).OrDie();
    said = "codecs[1] (breaks): exception: " + how + " broke";
  }
  Status Write(int64_t begin, int64_t size) {
    return array->Write(Box::FromSize({begin}, {size}), Ref(values.data(), {size}));
  }
  /// `comma`: how the chunk is named. Where a shard is changed in part, it stands by itself.
  Status Blame(const std::string& key, int64_t at, std::string_view comma = ", ") const {
    return InternalError(url + "/c/" + key + std::string(comma) + "chunk at [" +
                         std::to_string(at) + "]: " + said);
  }

  const Context context = Broken();
  const std::vector<uint8_t> values = {1, 2, 3, 4};
  std::string url;
  std::string said;
  std::optional<Array> array;
  std::optional<Array> other;
};

TEST(Guard, EncodingWhereverItIsDone) {
  for (const bool sharded : {false, true}) {
    Coding encode("Encode", sharded);
    const std::string last = sharded ? "0" : "1";
    const std::string comma = sharded ? ": " : ", ";
    EXPECT_EQ(encode.Write(2, 2), encode.Blame(last, 2, comma));  // A chunk, of a shard a part.
    EXPECT_EQ(encode.Write(3, 1), encode.Blame(last, 2, comma));  // Part of a chunk.
    EXPECT_EQ(encode.Write(0, 4), encode.Blame("0", 0));          // All.
    EXPECT_EQ(Copy(*encode.other, *encode.array), encode.Blame("0", 0));
  }
}

TEST(Guard, DecodingWhereverItIsDone) {
  for (const bool sharded : {false, true}) {
    Coding decode("Decode", sharded);
    ASSERT_EQ(decode.Write(0, 4), Status());
    EXPECT_EQ(decode.array->Read<uint8_t>({}).status(), decode.Blame("0", 0));
    EXPECT_EQ(decode.Write(1, 1), decode.Blame("0", 0, sharded ? ": " : ", "));
    EXPECT_EQ(VerifyArray(*decode.array, {.deep = true}).status(),
              InternalError(decode.url + "/c/0: " + decode.said));
    EXPECT_EQ(CountCoverage(*decode.array, {.inner = true, .find_fill = true}).status(),
              InternalError(decode.url + "/c/0: chunk at [0]: " + decode.said));
  }
}

// Creates an array of the driver in a store below whose name it breaks.
Result<Array> CreateAt(const std::string& url, const Context& context) {
  CreateOptions options{.shape = {4}, .chunk_shape = {2}};
  options.context = context;
  return Array::Create(url + "|breaks:", options);
}

TEST(Guard, EveryMethodOfADriverOnArrays) {
  const Context context = Broken();
  const OpenOptions open{.context = context};
  std::vector<Way> ways = Throwing();
  ways.push_back({"null", StatusCode::kInternal, "returned no array"});
  for (const Way& way : ways) {
    const std::string root = "memory://driver/" + way.how + "-";
    const auto expected = [&](const std::string& where) {
      return Expected(way, where, root + where + "/: driver \"breaks\": " + where + ": ");
    };
    EXPECT_EQ(CreateAt(root + "Create", context).status(), expected("Create"));
    ASSERT_TRUE(CreateAt(root + "Open", context).ok());
    EXPECT_EQ(Array::Open(root + "Open|breaks:", open).status(), expected("Open"));
    Array array = CreateAt(root + "Update", context).OrDie();
    EXPECT_EQ(array.format(), "breaks");
    EXPECT_EQ(array.SetAttributes(R"({"a":1})"), expected("Update"));
    EXPECT_EQ(array.Resize({6}), expected("Update"));
  }
  EXPECT_EQ(
      CreateAt("memory://driver/null-chain", context).status(),
      InternalError("memory://driver/null-chain/: driver \"breaks\": Create: the array has no "
                    "driver, store or codecs"));
}

TEST(Guard, EveryMethodOfADriverOnGroups) {
  const Context context = Broken();
  const std::string root = "memory://groups/";
  const auto expected = [&](const std::string& where) {
    return Expected(Throwing()[0], where,
                    root + "throw-" + where + "/: driver \"breaks\": " + where + ": ");
  };
  const auto create = [&](const std::string& name) {
    return Group::Create(root + name + "|breaks:", {.context = context});
  };
  EXPECT_EQ(create("throw-CreateGroup").status(), expected("CreateGroup"));
  ASSERT_TRUE(create("throw-OpenGroup").ok());
  EXPECT_EQ(Group::Open(root + "throw-OpenGroup|breaks:", context).status(), expected("OpenGroup"));
  EXPECT_EQ(create("throw-UpdateGroup").OrDie().SetAttributes("{}"), expected("UpdateGroup"));
  ASSERT_TRUE(create("throw-ReadSnapshot").ok());
  EXPECT_EQ(Group::Open(root + "throw-ReadSnapshot|breaks:",
                        OpenOptions{.context = context, .consolidated = Consolidated::kAuto})
                .status(),
            expected("ReadSnapshot"));
  ASSERT_TRUE(create("snapshot").ok());
  const Group snapshot =
      Group::Open(root + "snapshot|breaks:",
                  OpenOptions{.context = context, .consolidated = Consolidated::kMust})
          .OrDie();
  EXPECT_EQ(snapshot.OpenArray("throw-OpenSnapshot").status(),
            InternalError(root + "snapshot/throw-OpenSnapshot/: driver \"breaks\": OpenSnapshot: "
                                 "exception: OpenSnapshot broke"));
  EXPECT_EQ(snapshot.OpenArray("null-OpenSnapshot").status(),
            InternalError(root + "snapshot/null-OpenSnapshot/: driver \"breaks\": OpenSnapshot: "
                                 "returned no array"));
}

TEST(Guard, WhatADriverThrowsWhereNodesAreLookedFor) {
  const Context context = Broken();
  const std::string root = "memory://looking";
  EXPECT_EQ(FindNode(root + "/throw-Find|breaks:", context).status(),
            InternalError(root + "/throw-Find/: driver \"breaks\": Find: exception: Find broke"));
  const Group group = Group::Create(root + "/g|breaks:", {.context = context}).OrDie();
  group.store()->Write("throw-IsNodeName/x", Bytes::Copy("v")).Get().OrDie();
  const std::string before = root + "/g/: driver \"breaks\": IsNodeName: ";
  EXPECT_EQ(group.List().status(), InternalError(before + "exception: IsNodeName broke"));
  EXPECT_EQ(group.List(true).status(), InternalError(before + "exception: IsNodeName broke"));
  const Group other = Group::Create(root + "/h|breaks:", {.context = context}).OrDie();
  other.store()->Write("throw-NodeOfKey", Bytes::Copy("v")).Get().OrDie();
  EXPECT_EQ(other.List(true).status(), InternalError(root + "/h/: exception: NodeOfKey broke"));
}

}  // namespace
}  // namespace coffer
