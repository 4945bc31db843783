// coffer bench URL: the usual workloads on the user's own store, measured and checked.
//
//  1. Nothing may be at URL/coffer-bench. A group is created there, on the condition that none is:
//     from then on everything below is this run's own.
//  2. Each workload runs on arrays in that group.
//  3. The group is removed with everything below, whatever came of 2, unless --keep.
#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include "src/base/shown.h"
#include "src/checkpoint/place.h"
#include "src/kvstore/url.h"
#include "tools/coffer/bench/plan.h"
#include "tools/coffer/bench/workloads.h"
#include "tools/coffer/commands/commands.h"
#include "tools/coffer/layout_options.h"
#include "tools/coffer/nodes.h"
#include "tools/coffer/text.h"

namespace coffer::inline v0::tool {
namespace {

constexpr std::string_view kFolder = "coffer-bench";

struct Arguments {
  std::string url;
  int64_t size = MiB(256);
  DataType data_type = DataType::kUint16;
  LayoutOptions layout;
  int64_t calls = 100;
  int64_t small_arrays = 100;
  std::vector<std::string> only;
  bool keep = false;
};

std::string NamesOfWorkloads() {
  std::string names;
  for (const Workload& workload : AllWorkloads()) {
    names += (names.empty() ? "" : ", ") + std::string(workload.name);
  }
  return names;
}

Status CheckWorkload(const std::string& name) {
  for (const Workload& workload : AllWorkloads()) {
    if (workload.name == name) return Status();
  }
  return InvalidArgumentError("\"" + name + "\" is no workload (" + NamesOfWorkloads() + ")");
}

bool IsChosen(const Arguments& arguments, const Workload& workload) {
  return arguments.only.empty() || std::find(arguments.only.begin(), arguments.only.end(),
                                             workload.name) != arguments.only.end();
}

Status CheckStore(const Place& place) {
  const Capabilities can = place.store->capabilities();
  if (can.writable && can.listable) return Status();
  return FailedPreconditionError(place.store->Describe(place.prefix) + ": the store " +
                                 (can.writable ? "does not list" : "is read-only"));
}

// A local store shows neither an empty directory nor a link to one, which may lead anywhere.
bool IsLocalPath(const std::string& url) {
  if (UrlScheme(url) != "file") return false;
  const Result<Url> parsed = Url::Parse(url);
  std::error_code error;
  return parsed.ok() &&
         std::filesystem::exists(std::filesystem::symlink_status(parsed->path, error));
}

// `key`: the folder, without a slash at the end.
Result<bool> IsAnythingThere(KvStore& store, const std::string& key) {
  if (IsLocalPath(store.Describe(key))) return true;
  COFFER_ASSIGN_OR_RETURN(const ReadResult read,
                          store.Read(key, {.range = ByteRange::Stat()}).Get());
  if (read.state != ReadResult::State::kMissing) return true;
  COFFER_ASSIGN_OR_RETURN(const std::unique_ptr<KvListing> listing,
                          store.List({.range = KeyRange::Prefix(key + "/"), .page_size = 1}));
  COFFER_ASSIGN_OR_RETURN(const std::vector<ListEntry> below, listing->Next().Get());
  return !below.empty();
}

Status CheckNothingThere(const Place& place, const std::string& key) {
  COFFER_ASSIGN_OR_RETURN(const bool is_there, IsAnythingThere(*place.store, key));
  if (!is_there) return Status();
  return AlreadyExistsError(place.store->Describe(key) +
                            ": is there already; bench works in a folder of its own");
}

void ShowReport(Session& session, const BenchOptions& options,
                const std::vector<Measurement>& measurements) {
  const CreateOptions& array = options.create;
  const std::string url = options.place.store->Describe(options.place.prefix);
  const int64_t bytes = *NumElements(array.shape) * array.data_type.size();
  const bool sharded = !array.shard_shape.empty();
  // Creating the group was a write: a store that counts has seen one.
  const bool counted = array.context.stats().write_requests > 0;
  if (session.options().json) {
    session.PrintJson(
        Json(Json::Object{{"url", ShownPlace(url)},
                          {"format", options.place.driver},
                          {"data_type", array.data_type.name()},
                          {"shape", ToJson(array.shape)},
                          {"chunk_shape", ToJson(array.chunk_shape)},
                          {"shard_shape", sharded ? ToJson(array.shard_shape) : Json()},
                          {"bytes", bytes},
                          {"workloads", MeasurementsJson(measurements, counted)},
                          {"peak_memory_bytes", PeakMemoryBytes()}}));
    return;
  }
  session.Print(Printable(ShownPlace(url)) + ": " + array.data_type.name() + " " +
                ToString(array.shape) + ", " + FormatBytes(bytes) + ", chunks " +
                ToString(array.chunk_shape) +
                (sharded ? ", shards " + ToString(array.shard_shape) : "") + "\n" +
                MeasurementsTable(measurements, counted) + "  peak memory " +
                FormatBytes(PeakMemoryBytes()) + "\n");
}

// `measurements`: of those that were done, also after an error.
Status RunWorkloads(Session& session, const Arguments& arguments, const BenchOptions& options,
                    std::vector<Measurement>* measurements) {
  Bench bench(options);
  for (const Workload& workload : AllWorkloads()) {
    if (!IsChosen(arguments, workload)) continue;
    Progress progress = session.MakeProgress(workload.name);
    Measurement measurement(std::string(workload.name), workload.per_call);
    COFFER_RETURN_IF_ERROR(bench.Run(workload, {measurement, progress.function()}));
    measurements->push_back(std::move(measurement));
  }
  return Status();
}

// The outcome of the workloads, with what became of the folder where the user has to know.
Status Outcome(const Status& done, const Status& removed, bool keep, const std::string& folder) {
  if (!removed.ok()) {
    const std::string left = folder + " could not be removed";
    return done.ok() ? removed.Annotate(left)
                     : done.Annotate(left + " (" + std::string(removed.message()) + ")");
  }
  if (done.code() != StatusCode::kCancelled) return done;
  return done.Annotate(folder + (keep ? " holds what was written" : " is removed"));
}

Result<BenchOptions> MakeBenchOptions(Session& session, const Arguments& arguments) {
  BenchOptions options;
  COFFER_ASSIGN_OR_RETURN(
      options.place, DestinationPlace(arguments.layout, arguments.url, "zarr3", session.context()));
  options.place.prefix += std::string(kFolder) + "/";
  COFFER_ASSIGN_OR_RETURN(const BenchPlan plan, MakeBenchPlan(arguments.size, arguments.data_type,
                                                              arguments.layout.chunk_shape,
                                                              arguments.layout.shard_shape));
  COFFER_ASSIGN_OR_RETURN(
      options.create,
      MakeCreateOptions(arguments.layout, plan.shape, arguments.data_type, session.context()));
  options.create.chunk_shape = plan.chunk_shape;
  options.create.shard_shape = plan.shard_shape;
  options.calls = arguments.calls;
  options.small_arrays = arguments.small_arrays;
  options.cancel = session.cancel_token();
  return options;
}

Result<int> RunBench(Session& session, const Arguments& arguments) {
  COFFER_ASSIGN_OR_RETURN(const BenchOptions options, MakeBenchOptions(session, arguments));
  const Place& place = options.place;
  COFFER_RETURN_IF_ERROR(CheckStore(place));
  const std::string key = place.prefix.substr(0, place.prefix.size() - 1);
  COFFER_RETURN_IF_ERROR(CheckNothingThere(place, key));
  // The check looks above the place that it is given, and what stands at the URL is above.
  const Result<std::string> below = ChildPlace(arguments.url, kFolder, session.context());
  if (below.ok()) COFFER_RETURN_IF_ERROR(CheckNothingAbove(*below, session.context()));
  COFFER_RETURN_IF_ERROR(Group::Create(place, {.context = session.context()}));

  std::vector<Measurement> measurements;
  const Status done = RunWorkloads(session, arguments, options, &measurements);
  const Status removed =
      arguments.keep ? Status() : place.store->DeleteRange(KeyRange::Prefix(place.prefix)).Get();
  if (!measurements.empty()) ShowReport(session, options, measurements);
  COFFER_RETURN_IF_ERROR(Outcome(done, removed, arguments.keep, place.store->Describe(key)));
  return kDone;
}

Result<int64_t> ParseCount(const std::string& text) {
  COFFER_ASSIGN_OR_RETURN(const int64_t count, CommandLine::ParseInteger(text, 1));
  if (count > 1'000'000) return InvalidArgumentError("at most 1000000");
  return count;
}

}  // namespace

void AddBench(const CommandLine& line) {
  Session& session = line.session();
  auto arguments = std::make_shared<Arguments>();
  CommandLine command =
      line.Command("bench", "Measure the usual workloads on a store, in a folder of their own",
                   [&session, arguments] { return RunBench(session, *arguments); });
  command.Text("URL", &arguments->url, "below which coffer-bench is made, and removed");
  command.Parsed(
      "--size", &arguments->size, [](const std::string& text) { return ParseByteSize(text); },
      "bytes of the array (default 256M)");
  command.Parsed(
      "--dtype", &arguments->data_type,
      [](const std::string& text) { return DataType::Parse(text); },
      "data type of the array (default uint16)");
  arguments->layout.AddTo(command);
  command.Parsed("--calls", &arguments->calls, ParseCount,
                 "calls of a workload whose calls are alike (default 100; of planes a tenth)");
  command.Parsed("--small-arrays", &arguments->small_arrays, ParseCount,
                 "how many small arrays (default 100)");
  command.Texts("--only", &arguments->only, "one of " + NamesOfWorkloads() + "; may be repeated",
                CheckWorkload);
  command.Flag("--keep", &arguments->keep, "leave what was written");
}

}  // namespace coffer::inline v0::tool
