// coffer cp SRC DST: an array, a group or a checkpoint, between any two stores.
//
// Arrays are decoded and encoded anew, region by region, in the destination's layout. A checkpoint
// is copied as it is, and published in one step.
#include <memory>

#include "coffer/checkpoint/checkpoint.h"
#include "src/checkpoint/place.h"
#include "tools/coffer/blocks.h"
#include "tools/coffer/commands/commands.h"
#include "tools/coffer/layout_options.h"
#include "tools/coffer/nodes.h"
#include "tools/coffer/text.h"

namespace coffer::inline v0::tool {
namespace {

struct Arguments {
  std::string source;
  std::string destination;
  std::string region;
  LayoutOptions layout;
};

// Whether the view shows every dimension of the array, in order.
bool KeepsDimensions(const IndexTransform& transform) {
  for (int d = 0; d < transform.stored_rank(); ++d) {
    if (transform.maps()[static_cast<size_t>(d)].view_dim != d) return false;
  }
  return true;
}

// Copies one array to where `create` makes the new one.
template <class Create>
Result<int64_t> CopyArray(Session& session, const Arguments& arguments, const Array& source,
                          const std::string& name, std::string_view format, const Create& create) {
  Result<IndexTransform> region = IndexTransform::Parse(source.shape(), arguments.region);
  if (!region.ok()) return region.status().Annotate(source.url());
  const IndexTransform& transform = *region;
  COFFER_ASSIGN_OR_RETURN(CreateOptions options,
                          MakeCopyOptions(arguments.layout, source, transform.view_shape(),
                                          KeepsDimensions(transform), format, session.context()));
  COFFER_ASSIGN_OR_RETURN(Array destination, create(options));
  Progress progress = session.MakeProgress(name.empty() ? "cp" : name);
  ArrayWriteOptions writing{
      .on_progress = progress.function(), .cancel = session.cancel_token(), .exclusive = true};
  std::unique_ptr<BlockSource> blocks = MakeBlockSource(source, transform);
  COFFER_RETURN_IF_ERROR(
      CopyInto(*blocks, destination, Index::Filled(destination.rank(), 0), writing));
  return *NumElements(transform.view_shape()) * source.data_type().size();
}

Result<int64_t> CopyOne(Session& session, const Arguments& arguments) {
  COFFER_ASSIGN_OR_RETURN(Array source,
                          Array::Open(arguments.source, {.context = session.context()}));
  COFFER_ASSIGN_OR_RETURN(const Place place,
                          DestinationPlace(arguments.layout, arguments.destination, source.format(),
                                           session.context()));
  return CopyArray(session, arguments, source, "", place.driver,
                   [&](const CreateOptions& options) { return Array::Create(place, options); });
}

void WarnOfWhatIsLeftOut(Session& session, const KvStore& store, const GroupSurvey& survey) {
  const auto warn = [&](const std::string& what, int64_t count, std::string_view noun,
                        const std::vector<std::string>& some) {
    if (count == 0) return;
    session.Warn("left out, " + what + ": " + FormatCount(count, noun) + ", such as " +
                 Printable(store.Describe(some.front())));
  };
  warn("of no array or group", survey.strays.count, "key", survey.strays.keys);
  warn("to be copied by itself", std::ssize(survey.others), "place", survey.others);
  std::vector<std::string> unfinished;
  for (const auto& [prefix, keys] : survey.unfinished) unfinished.push_back(prefix);
  warn("of unfinished saves", std::ssize(unfinished), "place", unfinished);
  warn("inside an array", std::ssize(survey.inside_arrays), "node", survey.inside_arrays);
}

Result<int64_t> CopyGroup(Session& session, const Arguments& arguments) {
  if (!arguments.region.empty()) {
    return InvalidArgumentError(arguments.source + ": --region needs an array, not a group");
  }
  COFFER_ASSIGN_OR_RETURN(OpenGroup source, OpenGroupAt(arguments.source, session.context()));
  COFFER_ASSIGN_OR_RETURN(const GroupSurvey survey, source.Survey(1));
  COFFER_ASSIGN_OR_RETURN(const Place place,
                          DestinationPlace(arguments.layout, arguments.destination,
                                           source.group.format(), session.context()));
  COFFER_ASSIGN_OR_RETURN(Group made, Group::Create(place, {.attributes = source.group.attributes(),
                                                            .context = session.context()}));
  OpenGroup destination{std::move(made), session.context()};
  const auto place_of = [&](const NodeEntry& node) {
    return Place{place.store, destination.PrefixOf(node.name), place.driver};
  };
  int64_t bytes = 0;
  for (const NodeEntry& node : survey.nodes) {
    if (node.kind == NodeKind::kGroup) {
      COFFER_ASSIGN_OR_RETURN(Group group, source.group.OpenGroup(node.name));
      COFFER_RETURN_IF_ERROR(Group::Create(
          place_of(node), {.attributes = group.attributes(), .context = session.context()}));
      continue;
    }
    COFFER_ASSIGN_OR_RETURN(Array array, source.OpenArray(node.name));
    COFFER_ASSIGN_OR_RETURN(int64_t copied,
                            CopyArray(session, arguments, array, node.name, place.driver,
                                      [&](const CreateOptions& options) {
                                        return Array::Create(place_of(node), options);
                                      }));
    bytes += copied;
  }
  WarnOfWhatIsLeftOut(session, *source.group.store(), survey);
  return bytes;
}

Result<int64_t> CopyCheckpoint(Session& session, const Arguments& arguments) {
  if (!arguments.region.empty() || arguments.layout.any()) {
    return InvalidArgumentError(arguments.source +
                                ": a checkpoint is copied as it is, without layout or region");
  }
  Progress progress = session.MakeProgress("cp");
  return checkpoint::Copy(arguments.source, arguments.destination,
                          {.on_progress = progress.function(),
                           .cancel = session.cancel_token(),
                           .context = session.context()});
}

Result<int> Cp(Session& session, const Arguments& arguments) {
  CancelToken cancel = session.cancel_token();
  COFFER_ASSIGN_OR_RETURN(Kind kind, RequireKind(arguments.source, session.context()));
  COFFER_RETURN_IF_ERROR(CheckNothingAbove(arguments.destination, session.context()));
  Stopwatch watch;
  auto copy = kind == Kind::kArray ? CopyOne : kind == Kind::kGroup ? CopyGroup : CopyCheckpoint;
  Result<int64_t> bytes = copy(session, arguments);
  if (bytes.status().code() == StatusCode::kCancelled) {
    return bytes.status().Annotate(arguments.destination + (kind == Kind::kCheckpoint
                                                                ? " is as it was"
                                                                : " holds a part of the copy"));
  }
  COFFER_RETURN_IF_ERROR(bytes);
  session.NoteRate(FormatBytes(*bytes) + " copied", *bytes, watch);
  return kDone;
}

}  // namespace

void AddCp(const CommandLine& line) {
  Session& session = line.session();
  auto arguments = std::make_shared<Arguments>();
  CommandLine command = line.Command("cp", "Copy or re-encode an array, a group or a checkpoint",
                                     [&session, arguments] { return Cp(session, *arguments); });
  command.Text("SRC", &arguments->source, "what to copy");
  command.Text("DST", &arguments->destination, "where to");
  command.Text("--region", &arguments->region,
               "a part of an array: 0:10,5:20:2,: (an index drops its dimension)");
  arguments->layout.AddTo(command);
}

}  // namespace coffer::inline v0::tool
