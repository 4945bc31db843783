// Goal: a plugin is added whole or not at all, to one context or to all, and every way to be wrong
// has its own error.
// Method: plugins made of parts that only have names; what a table knows is seen by opening.
#include "coffer/registry/plugin.h"

#include <gtest/gtest.h>

#include <new>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "coffer/kvstore/stores.h"
#include "drivers/zarr3/driver.h"

namespace coffer {
namespace {

/// zarr3 by another name.
class OtherName final : public ArrayDriver {
 public:
  explicit OtherName(std::string name) : name_(std::move(name)) {}
  std::string_view name() const override { return name_; }
  Result<NodeKind> Find(const KvStorePtr& store, const std::string& prefix) const override {
    return zarr3_.Find(store, prefix);
  }
  Result<StoredArrayPtr> Open(const KvStorePtr& store, const std::string& prefix,
                              const Context& context) const override {
    return zarr3_.Open(store, prefix, context);
  }
  Result<StoredArrayPtr> Create(const KvStorePtr& store, const std::string& prefix,
                                const CreateOptions& options) const override {
    return zarr3_.Create(store, prefix, options);
  }
  Result<StoredArrayPtr> Update(const StoredArray& stored, const std::optional<Shape>& shape,
                                const std::optional<std::string>& attributes,
                                const Context& context) const override {
    return zarr3_.Update(stored, shape, attributes, context);
  }
  Result<StoredGroup> OpenGroup(const KvStorePtr& store, const std::string& prefix) const override {
    return zarr3_.OpenGroup(store, prefix);
  }
  Result<StoredGroup> CreateGroup(const KvStorePtr& store, const std::string& prefix,
                                  const GroupOptions& options) const override {
    return zarr3_.CreateGroup(store, prefix, options);
  }
  Result<StoredGroup> UpdateGroup(const KvStorePtr& store, const std::string& prefix,
                                  std::string_view attributes) const override {
    return zarr3_.UpdateGroup(store, prefix, attributes);
  }
  std::optional<std::string> NodeOfKey(std::string_view key) const override {
    return zarr3_.NodeOfKey(key);
  }
  bool IsNodeName(std::string_view name) const override { return zarr3_.IsNodeName(name); }

 private:
  std::string name_;
  Zarr3Driver zarr3_;
};

StoreDriver Store(const std::string& name) {
  return {.name = name,
          .schemes = {name},
          .open_url = [](std::string_view, const Context&) -> Result<KvStorePtr> {
            return MakeMemoryStore();
          }};
}

CodecDriver CodecNamed(const std::string& name) {
  return {name,
          [](std::string_view, const CodecTable& codecs) { return codecs.Make("crc32c", "{}"); }};
}

PluginParts All(const std::string& name) {
  return {{Store(name)}, {CodecNamed(name)}, {std::make_shared<OtherName>(name)}};
}

/// What of All(name) a context knows: "store codec driver".
std::string Known(const Context& context, const std::string& name) {
  std::string known;
  if (OpenKvStore(name + "://x", context).ok()) known += "store ";
  if (context.Get<CodecTable>().Make(name, "{}").ok()) known += "codec ";
  if (context.Get<DriverTable>().Find(name).ok()) known += "driver";
  return known;
}

TEST(AddPlugin, AddsAllPartsToOneContext) {
  const Context context = Context::Create();
  const Plugin plugin{.name = "whole", .make = [](PluginParts& parts) {
                        parts = All("whole");
                        return Status();
                      }};
  ASSERT_EQ(AddPlugin(plugin, context), Status());
  EXPECT_EQ(Known(context, "whole"), "store codec driver");
  EXPECT_EQ(Known(Context::Create(), "whole"), "");
  EXPECT_EQ(
      AddPlugin(plugin, context),
      AlreadyExistsError("plugin \"whole\": a store driver named \"whole\" is there already"));
}

TEST(AddPlugin, OfTheProcessIsKnownToAllContexts) {
  const Context before = Context::Create();
  EXPECT_EQ(Known(before, "everywhere"), "");
  const Plugin plugin{.name = "everywhere", .make = [](PluginParts& parts) {
                        parts = All("everywhere");
                        return Status();
                      }};
  ASSERT_EQ(AddPlugin(plugin), Status());
  for (const Context& context : {before, Context::Create(), Context::Default()}) {
    EXPECT_EQ(Known(context, "everywhere"), "store codec driver");
    EXPECT_EQ(AddPlugin(plugin, context).code(), StatusCode::kAlreadyExists);
    EXPECT_EQ(context.Get<DriverTable>().standard().name(), "zarr3");
    EXPECT_EQ(context.Get<DriverTable>().drivers().back()->name(), "everywhere");
  }
}

TEST(AddPlugin, WhatAContextHasItselfComesFirst) {
  const Context context = Context::Create();
  const auto own = std::make_shared<OtherName>("shadow");
  ASSERT_EQ(context.Get<DriverTable>().Add(own), Status());
  const auto of_process = std::make_shared<OtherName>("shadow");
  ASSERT_EQ(DriverTable::Process().Add(of_process), Status());
  EXPECT_EQ(*context.Get<DriverTable>().Find("shadow"), own.get());
  EXPECT_EQ(*Context::Create().Get<DriverTable>().Find("shadow"), of_process.get());
}

TEST(AddPlugin, AddsNothingIfAnyNameIsTaken) {
  const Context context = Context::Create();
  const Plugin driver_taken{.name = "a", .make = [](PluginParts& parts) {
                              parts = All("rest1");
                              parts.drivers.push_back(std::make_shared<OtherName>("zarr3"));
                              return Status();
                            }};
  EXPECT_EQ(AddPlugin(driver_taken, context),
            AlreadyExistsError("plugin \"a\": driver \"zarr3\" is already known"));
  const Plugin codec_twice{.name = "b", .make = [](PluginParts& parts) {
                             parts = All("rest1");
                             parts.codecs.push_back(CodecNamed("rest1"));
                             return Status();
                           }};
  EXPECT_EQ(AddPlugin(codec_twice, context),
            AlreadyExistsError("plugin \"b\": codec \"rest1\" is already known"));
  const Plugin scheme_taken{.name = "c", .make = [](PluginParts& parts) {
                              parts = All("rest1");
                              parts.stores.push_back(Store("other"));
                              parts.stores.back().schemes = {"file"};
                              return Status();
                            }};
  EXPECT_EQ(AddPlugin(scheme_taken, context),
            AlreadyExistsError("plugin \"c\": URL scheme \"file\" belongs to store driver \"file\" "
                               "already"));
  EXPECT_EQ(Known(context, "rest1"), "");
}

TEST(AddPlugin, OneThatFailsOrThrowsAddsNothing) {
  const Context context = Context::Create();
  const Plugin fails{.name = "fails", .make = [](PluginParts& parts) {
                       parts = All("half");
                       return UnavailableError("no robot");
                     }};
  EXPECT_EQ(AddPlugin(fails, context), UnavailableError("plugin \"fails\": no robot"));
  const Plugin throws{.name = "throws", .make = [](PluginParts& parts) -> Status {
                        parts = All("half");
                        throw std::runtime_error("no tape");
                      }};
  EXPECT_EQ(AddPlugin(throws, context), InternalError("plugin \"throws\": exception: no tape"));
  const Plugin throws_int{.name = "throws", .make = [](PluginParts&) -> Status { throw 7; }};
  EXPECT_EQ(AddPlugin(throws_int, context),
            InternalError("plugin \"throws\": exception of no standard type"));
  const Plugin needs_much{.name = "needs_much",
                          .make = [](PluginParts&) -> Status { throw std::bad_alloc(); }};
  EXPECT_EQ(AddPlugin(needs_much, context),
            ResourceExhaustedError("plugin \"needs_much\": out of memory"));
  EXPECT_EQ(Known(context, "half"), "");
}

TEST(AddPlugin, AnotherVersionIsRefusedUnseen) {
  const auto make = [](PluginParts&) -> Status { throw std::logic_error("was called"); };
  Plugin plugin{.api_version = 7, .coffer_version = "9.8.7", .name = "new", .make = make};
  const std::string here = "; this is coffer " + std::string(kVersion) + ", plugin API 5";
  EXPECT_EQ(
      AddPlugin(plugin),
      FailedPreconditionError("the plugin was built against coffer 9.8.7, plugin API 7" + here));
  plugin = {.api_version = 1, .name = "sibling", .make = make};
  EXPECT_EQ(AddPlugin(plugin).message(), "the plugin was built against coffer " +
                                             std::string(kVersion) + ", plugin API 1" + here);
  plugin = {.coffer_version = "0.0.9", .name = "old", .make = make};
  EXPECT_EQ(
      AddPlugin(plugin),
      FailedPreconditionError("the plugin was built against coffer 0.0.9, plugin API 5" + here));
}

TEST(AddPlugin, OneThatNamesNoVersionIsRefusedUnseen) {
  const auto make = [](PluginParts&) -> Status { throw std::logic_error("was called"); };
  const std::string here = "; this is coffer " + std::string(kVersion) + ", plugin API 5";
  for (const uint32_t number : {0u, kPluginApiVersion, 7u}) {
    EXPECT_EQ(
        AddPlugin(
            {.api_version = number, .coffer_version = nullptr, .name = "zeroed", .make = make}),
        FailedPreconditionError(
            "the plugin does not say against which coffer it was built, plugin API " +
            std::to_string(number) + here));
  }
}

TEST(AddPlugin, IncompleteOnesAreRefused) {
  const Context context = Context::Create();
  const Status expected =
      InvalidArgumentError("plugin \"\": expected a name and a function `make`");
  EXPECT_EQ(AddPlugin({.make = [](PluginParts&) { return Status(); }}, context), expected);
  EXPECT_EQ(AddPlugin({.name = "x"}, context),
            InvalidArgumentError("plugin \"x\": expected a name and a function `make`"));
  EXPECT_EQ(AddPlugin({.name = "x", .make = [](PluginParts&) { return Status(); }}, context),
            InvalidArgumentError("plugin \"x\": offers no store, codec or array driver"));
  const Plugin no_driver{.name = "x", .make = [](PluginParts& parts) {
                           parts.drivers.push_back(nullptr);
                           return Status();
                         }};
  EXPECT_EQ(AddPlugin(no_driver, context),
            InvalidArgumentError("plugin \"x\": no array driver was given"));
  const Plugin no_codec{.name = "x", .make = [](PluginParts& parts) {
                          parts.codecs.push_back({"c", nullptr});
                          return Status();
                        }};
  EXPECT_EQ(AddPlugin(no_codec, context),
            InvalidArgumentError("plugin \"x\": codec \"c\" has no `make`"));
}

TEST(AddPlugin, OfManyThatOfferOneNameOneIsAddedWhole) {
  const Context context = Context::Create();
  const Plugin plugin{.name = "racer", .make = [](PluginParts& parts) {
                        parts = All("racer");
                        return Status();
                      }};
  std::vector<Status> results(8);
  std::vector<std::thread> threads;
  for (Status& result : results) {
    threads.emplace_back([&] { result = AddPlugin(plugin, context); });
  }
  for (std::thread& thread : threads) thread.join();
  int added = 0;
  for (const Status& result : results) {
    added += result.ok() ? 1 : 0;
    EXPECT_TRUE(result.ok() || result.code() == StatusCode::kAlreadyExists) << result;
  }
  EXPECT_EQ(added, 1);
  EXPECT_EQ(Known(context, "racer"), "store codec driver");
}

}  // namespace
}  // namespace coffer
