// Writes and reads arrays through the public API, as a list of cases says: the C++ side of the
// interoperability tests.
//
//     interop_tool CASES.json RESULTS.json
//
// A case is {"op", "url", ...}, and one that fails does not stop the others. "read" puts the
// elements, in C order and native byte order, into the file "raw"; "write" takes them from there,
// and writes only the box {"origin", "shape"} of them if the case has one; its other members are
// the options of Create. "tree" makes groups and arrays, in the format of "driver"; "list" lists
// them, by consolidated metadata if the case says so. A result is {"status", ...}.
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>
#include <utility>

#include "coffer/array/array.h"
#include "coffer/array/group.h"
#include "src/base/json.h"
#include "tests/support/codecs.h"

namespace coffer {
namespace {

Dims ToDims(const Json& list) {
  Dims dims;
  for (const Json& item : list.array()) dims.push_back(item.AsInt64("$").value());
  return dims;
}

Json ToJson(const Dims& dims) {
  Json::Array list;
  for (int64_t value : dims) list.emplace_back(value);
  return list;
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
}

const Json& Member(const Json& test, std::string_view name) {
  const Json* const member = test.Find(name);
  if (member != nullptr) return *member;
  std::fprintf(stderr, "a case lacks \"%s\"\n", std::string(name).c_str());
  std::exit(2);
}

Result<CreateOptions> OptionsOf(const Json& test) {
  CreateOptions options;
  options.shape = ToDims(Member(test, "shape"));
  COFFER_ASSIGN_OR_RETURN(options.data_type, DataType::Parse(Member(test, "data_type").string()));
  options.chunk_shape = ToDims(Member(test, "chunk_shape"));
  if (const Json* shard_shape = test.Find("shard_shape"))
    options.shard_shape = ToDims(*shard_shape);
  if (const Json* codec = test.Find("codec")) {
    options.codec = {codec->Find("name")->string(), codec->Find("configuration")->Dump()};
    if (options.codec.name == "none") options.codec = Uncompressed();
  }
  if (const Json* codecs = test.Find("codecs")) options.format.codecs = codecs->Dump();
  options.format.fill_value = Member(test, "fill_value").Dump();
  options.format.chunk_key_encoding = Member(test, "key_encoding").string();
  options.format.chunk_key_separator = Member(test, "separator").string().at(0);
  for (const Json& name : Member(test, "dimension_names").array()) {
    options.format.dimension_names.push_back(name.is_null() ? std::nullopt
                                                            : std::optional(name.string()));
  }
  options.attributes = Member(test, "attributes").Dump();
  return options;
}

Status Write(const Json& test) {
  COFFER_ASSIGN_OR_RETURN(const CreateOptions options, OptionsOf(test));
  COFFER_ASSIGN_OR_RETURN(const Array array, Array::Create(Member(test, "url").string(), options));
  const std::string raw = ReadFile(Member(test, "raw").string());
  const int64_t expected = *NumElements(array.shape()) * array.data_type().size();
  if (static_cast<int64_t>(raw.size()) != expected) return InternalError("the raw file is short");
  const ConstView all(reinterpret_cast<const std::byte*>(raw.data()), array.data_type(),
                      array.shape());
  Box box = Box::Full(array.shape());
  if (const Json* json = test.Find("box"); json != nullptr && !json->is_null()) {
    box = Box::FromSize(ToDims(*json->Find("origin")), ToDims(*json->Find("shape")));
  }
  return array.Write(box, all.Subview(box));
}

Status Read(const Json& test, Json& result) {
  COFFER_ASSIGN_OR_RETURN(const Array array, Array::Open(Member(test, "url").string()));
  COFFER_ASSIGN_OR_RETURN(const OwnedArray all,
                          array.ReadOwned(IndexTransform::Identity(array.shape())));
  result.Set("shape", ToJson(array.shape()));
  result.Set("data_type", array.data_type().name());
  result.Set("fill_value", testing::Hex(array.fill_value()));
  result.Set("attributes", *Json::Parse(array.attributes()));
  Json::Array names;
  for (const auto& name : array.dimension_names()) names.push_back(name ? Json(*name) : Json());
  result.Set("dimension_names", std::move(names));
  std::ofstream file(Member(test, "raw").string(), std::ios::binary);
  file << AsText(all.bytes());
  return file.good() ? Status() : InternalError("the raw file cannot be written");
}

Status List(const Json& test, Json& result) {
  OpenOptions options;
  if (test.Find("consolidated") != nullptr) options.consolidated = Consolidated::kMust;
  COFFER_ASSIGN_OR_RETURN(const Group group, Group::Open(Member(test, "url").string(), options));
  COFFER_ASSIGN_OR_RETURN(const std::vector<NodeEntry> nodes, group.List(true));
  Json::Object kinds;
  Json::Object shapes;
  for (const NodeEntry& node : nodes) {
    if (node.kind == NodeKind::kArray) {
      COFFER_ASSIGN_OR_RETURN(const Array array, group.OpenArray(node.name));
      shapes.emplace_back(node.name, ToJson(array.shape()));
    }
    kinds.emplace_back(node.name, node.kind == NodeKind::kGroup ? "group" : "array");
  }
  result.Set("nodes", std::move(kinds));
  result.Set("shapes", std::move(shapes));
  result.Set("attributes", *Json::Parse(group.attributes()));
  return Status();
}

// The groups above the nodes are left to the library.
Status MakeTree(const Json& test) {
  COFFER_ASSIGN_OR_RETURN(const KvStorePtr store, OpenKvStore(Member(test, "url").string()));
  const std::string driver = Member(test, "driver").string();
  GroupOptions options;
  options.attributes = Member(test, "attributes").Dump();
  COFFER_RETURN_IF_ERROR(Group::Create(Place{store, "", driver}, options));
  for (const Json& name : Member(test, "groups").array()) {
    COFFER_RETURN_IF_ERROR(Group::Create(Place{store, name.string() + "/", driver}));
  }
  for (const Json& name : Member(test, "arrays").array()) {
    CreateOptions array;
    array.shape = {3};
    COFFER_RETURN_IF_ERROR(Array::Create(Place{store, name.string() + "/", driver}, array));
  }
  return Status();
}

Status Do(const Json& test, Json& result) {
  const std::string& op = Member(test, "op").string();
  if (op == "write") return Write(test);
  if (op == "read") return Read(test, result);
  if (op == "list") return List(test, result);
  if (op == "tree") return MakeTree(test);
  return InvalidArgumentError("unknown op \"" + op + "\"");
}

int Run(const std::string& cases_path, const std::string& results_path) {
  const Json cases = Json::Parse(ReadFile(cases_path)).OrDie();
  Json::Array results;
  for (const Json& test : cases.array()) {
    Json result(Json::Object{});
    result.Set("status", Do(test, result).ToString());
    results.push_back(std::move(result));
  }
  std::ofstream(results_path) << Json(std::move(results)).Dump(1);
  return 0;
}

}  // namespace
}  // namespace coffer

int main(int argc, char** argv) {
  if (argc == 3) return coffer::Run(argv[1], argv[2]);
  std::fprintf(stderr, "usage: interop_tool CASES.json RESULTS.json\n");
  return 2;
}
