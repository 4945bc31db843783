// Goal: a survey names what the probe finds once, with its keys, and hands over the keys of nobody
// in batches of bounded size. Method: groups in memory; a probe that goes by names.
#include "src/array/survey.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <utility>

#include "coffer/array/array.h"
#include "src/array/node.h"
#include "tests/unit/array/damage.h"
#include "tests/unit/array/model.h"

namespace coffer {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::NewStore;
using ::testing::Pair;
using testing::ValueAt;

GroupSurvey Survey(const KvStorePtr& store, const SurveyOptions& options) {
  const Context context = Context::Create();
  const FoundNode found = FindNodeAt({store, "", ""}, {.context = context}).OrDie();
  return SurveyGroup(*found.driver, store, "", options, context).OrDie();
}

TEST(Survey, KeysOfNobodyComeInBatches) {
  const KvStorePtr store = NewStore();
  Group::Create(store, "").OrDie();
  for (int i = 0; i < 2500; ++i) {
    store->Write("f/x" + std::to_string(i), Bytes::Copy("x")).Get().OrDie();
  }
  size_t most = 0;
  size_t all = 0;
  const GroupSurvey survey = Survey(store, {.on_strays = [&](const std::vector<std::string>& keys) {
                                      most = std::max(most, keys.size());
                                      all += keys.size();
                                      return Status();
                                    }});
  EXPECT_EQ(all, 2500u);
  EXPECT_EQ(most, ListOptions().page_size);
  EXPECT_EQ(survey.strays.count, 2500);
  EXPECT_THAT(survey.strays.keys, IsEmpty());
  const Context context = Context::Create();
  const FoundNode found = FindNodeAt({store, "", ""}, {.context = context}).OrDie();
  const SurveyOptions failing = {
      .on_strays = [](const auto&) { return UnavailableError("injected"); }};
  EXPECT_EQ(SurveyGroup(*found.driver, store, "", failing, context).status(),
            UnavailableError("injected"));
}

TEST(Survey, WhatIsUnfinishedIsNeitherNodeNorStray) {
  const KvStorePtr store = NewStore();
  Group::Create(store, "").OrDie();
  Array::Create(store, "a/", {.shape = {2}, .chunk_shape = {2}}).OrDie();
  for (const char* const key : {"half/data/checkpoint", "half/mark", "whole/mark", "nobody/note"}) {
    store->Write(key, Bytes::Copy("x")).Get().OrDie();
  }
  const std::string array = ValueAt(*store, "a/zarr.json");
  store->Write("half/data/0/zarr.json", Bytes::Copy(array)).Get().OrDie();
  const PlaceProbe probe = [](const std::string& prefix) -> Result<PlaceKind> {
    if (prefix == "half/") return PlaceKind::kUnfinished;
    return prefix == "whole/" ? PlaceKind::kWhole : PlaceKind::kNone;
  };
  const GroupSurvey survey = Survey(store, {.probe = probe, .strays_max = 10});
  ASSERT_EQ(survey.nodes.size(), 1u);
  EXPECT_EQ(survey.nodes[0].name, "a");
  EXPECT_THAT(survey.others, ElementsAre("whole/"));
  EXPECT_THAT(survey.unfinished, ElementsAre(Pair("half/", 3)));
  EXPECT_THAT(survey.strays.keys, ElementsAre("nobody/note"));
}

}  // namespace
}  // namespace coffer
