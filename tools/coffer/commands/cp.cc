// coffer cp SRC DST: an array, a group or a checkpoint, between any two stores.
//
// Arrays are decoded and encoded anew, region by region, in the destination's layout. A checkpoint
// is copied as it is, and published in one step.
//
// With --resume nodes that are there are gone into if this copy would have made them so, and what
// is stored of their arrays is not copied again. Of a checkpoint nothing is there until all is.
#include <memory>

#include "coffer/checkpoint/checkpoint.h"
#include "src/base/shown.h"
#include "src/checkpoint/place.h"
#include "tools/coffer/blocks.h"
#include "tools/coffer/commands/commands.h"
#include "tools/coffer/layout_options.h"
#include "tools/coffer/nodes.h"
#include "tools/coffer/resuming.h"
#include "tools/coffer/text.h"

namespace coffer::inline v0::tool {
namespace {

struct Arguments {
  std::string source;
  std::string destination;
  std::string region;
  bool resume = false;
  LayoutOptions layout;
};

struct Copied {
  int64_t bytes = 0;
  int64_t skipped_bytes = 0;  // They were there.
};

// Whether the view shows every dimension of the array, in order.
bool KeepsDimensions(const IndexTransform& transform) {
  for (int d = 0; d < transform.stored_rank(); ++d) {
    if (transform.maps()[static_cast<size_t>(d)].view_dim != d) return false;
  }
  return true;
}

Result<Copied> CopyArray(Session& session, const Arguments& arguments, const Array& source,
                         const std::string& name, const Place& place) {
  Result<IndexTransform> region = IndexTransform::Parse(source.shape(), arguments.region);
  if (!region.ok()) return region.status().Annotate(source.url());
  const IndexTransform& transform = *region;
  COFFER_ASSIGN_OR_RETURN(
      CreateOptions options,
      MakeCopyOptions(arguments.layout, source, transform.view_shape(), KeepsDimensions(transform),
                      place.driver, session.context()));
  COFFER_ASSIGN_OR_RETURN(Array destination, arguments.resume ? CreateOrGoOn(place, options)
                                                              : Array::Create(place, options));
  Progress progress = session.MakeProgress(name.empty() ? "cp" : name);
  Copied copied;
  std::unique_ptr<BlockSource> blocks = MakeBlockSource(source, transform);
  COFFER_RETURN_IF_ERROR(CopyInto(*blocks, destination, Index::Filled(destination.rank(), 0),
                                  {.on_progress = progress.function(),
                                   .cancel = session.cancel_token(),
                                   .exclusive = true,
                                   .skip_stored = arguments.resume,
                                   .skipped_bytes = &copied.skipped_bytes}));
  copied.bytes =
      *NumElements(transform.view_shape()) * source.data_type().size() - copied.skipped_bytes;
  return copied;
}

Result<Copied> CopyOne(Session& session, const Arguments& arguments) {
  COFFER_ASSIGN_OR_RETURN(Array source,
                          Array::Open(arguments.source, {.context = session.context()}));
  COFFER_ASSIGN_OR_RETURN(const Place place,
                          DestinationPlace(arguments.layout, arguments.destination, source.format(),
                                           session.context()));
  return CopyArray(session, arguments, source, "", place);
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

Result<Group> MakeGroup(Session& session, const Arguments& arguments, const Group& source,
                        const Place& place) {
  const GroupOptions options{.attributes = source.attributes(), .context = session.context()};
  return arguments.resume ? CreateOrGoOn(place, options) : Group::Create(place, options);
}

Result<Copied> CopyGroup(Session& session, const Arguments& arguments) {
  if (!arguments.region.empty()) {
    return InvalidArgumentError(ShownPlace(arguments.source) +
                                ": --region needs an array, not a group");
  }
  COFFER_ASSIGN_OR_RETURN(OpenGroup source, OpenGroupAt(arguments.source, session.context()));
  COFFER_ASSIGN_OR_RETURN(const GroupSurvey survey, source.Survey(1));
  COFFER_ASSIGN_OR_RETURN(const Place place,
                          DestinationPlace(arguments.layout, arguments.destination,
                                           source.group.format(), session.context()));
  COFFER_ASSIGN_OR_RETURN(Group made, MakeGroup(session, arguments, source.group, place));
  OpenGroup destination{std::move(made), session.context()};
  const auto place_of = [&](const NodeEntry& node) {
    return Place{place.store, destination.PrefixOf(node.name), place.driver};
  };
  Copied all;
  for (const NodeEntry& node : survey.nodes) {
    if (node.kind == NodeKind::kGroup) {
      COFFER_ASSIGN_OR_RETURN(Group group, source.group.OpenGroup(node.name));
      COFFER_RETURN_IF_ERROR(MakeGroup(session, arguments, group, place_of(node)));
      continue;
    }
    COFFER_ASSIGN_OR_RETURN(Array array, source.OpenArray(node.name));
    COFFER_ASSIGN_OR_RETURN(const Copied copied,
                            CopyArray(session, arguments, array, node.name, place_of(node)));
    all.bytes += copied.bytes;
    all.skipped_bytes += copied.skipped_bytes;
  }
  WarnOfWhatIsLeftOut(session, *source.group.store(), survey);
  return all;
}

Result<Copied> CopyCheckpoint(Session& session, const Arguments& arguments) {
  if (!arguments.region.empty() || arguments.layout.any() || arguments.resume) {
    return InvalidArgumentError(
        ShownPlace(arguments.source) +
        ": a checkpoint is copied as it is and at once, without layout, region or --resume");
  }
  Progress progress = session.MakeProgress("cp");
  Copied copied;
  COFFER_ASSIGN_OR_RETURN(copied.bytes, checkpoint::Copy(arguments.source, arguments.destination,
                                                         {.on_progress = progress.function(),
                                                          .cancel = session.cancel_token(),
                                                          .context = session.context()}));
  return copied;
}

Result<int> Cp(Session& session, const Arguments& arguments) {
  CancelToken cancel = session.cancel_token();
  COFFER_ASSIGN_OR_RETURN(Kind kind, RequireKind(arguments.source, session.context()));
  COFFER_RETURN_IF_ERROR(CheckNothingAbove(arguments.destination, session.context()));
  Stopwatch watch;
  auto copy = kind == Kind::kArray ? CopyOne : kind == Kind::kGroup ? CopyGroup : CopyCheckpoint;
  Result<Copied> copied = copy(session, arguments);
  if (copied.status().code() == StatusCode::kCancelled) {
    return copied.status().Annotate(
        ShownPlace(arguments.destination) +
        (kind == Kind::kCheckpoint ? ": nothing was published" : " holds a part of the copy"));
  }
  COFFER_RETURN_IF_ERROR(copied);
  std::string text = FormatBytes(copied->bytes) + " copied";
  if (arguments.resume) text += ", " + FormatBytes(copied->skipped_bytes) + " were there";
  session.NoteRate(text, copied->bytes, watch);
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
  command.Flag("--resume", &arguments->resume,
               "go on with a copy that was broken off: the same command, and SRC as it was then");
  arguments->layout.AddTo(command);
}

}  // namespace coffer::inline v0::tool
