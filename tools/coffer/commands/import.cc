// coffer import FILE URL: arrays from plain files into a store.
#include <memory>
#include <set>

#include "src/base/shown.h"
#include "src/checkpoint/place.h"
#include "tools/coffer/blocks.h"
#include "tools/coffer/commands/commands.h"
#include "tools/coffer/layout_options.h"
#include "tools/coffer/nodes.h"
#include "tools/coffer/text.h"
#include "tools/formats/array_file.h"

namespace coffer::inline v0::tool {
namespace {

using formats::ArrayFile;
using formats::FileArray;

struct Arguments {
  std::string file;
  std::string url;
  std::optional<Index> at;
  LayoutOptions layout;
  std::optional<DataType> data_type;
};

// `is_new`: nobody else can be writing there.
Status MoveInto(Session& session, const FileArray& source, DataType type, const Array& destination,
                const Index& at, bool is_new, int64_t* moved) {
  Progress progress = session.MakeProgress(source.name.empty() ? "import" : source.name);
  FileSource blocks(source, type);
  COFFER_RETURN_IF_ERROR(CopyInto(
      blocks, destination, at,
      {.on_progress = progress.function(), .cancel = session.cancel_token(), .exclusive = is_new}));
  *moved += source.layout.bytes;
  return Status();
}

Result<CreateOptions> OptionsFor(Session& session, const Arguments& arguments,
                                 const FileArray& source, DataType type) {
  COFFER_ASSIGN_OR_RETURN(
      CreateOptions options,
      MakeCreateOptions(arguments.layout, source.layout.shape, type, session.context()));
  if (!source.attributes.object().empty()) options.attributes = source.attributes.Dump();
  return options;
}

Status ImportIntoExisting(Session& session, const Arguments& arguments, const ArrayFile& file,
                          int64_t* moved) {
  COFFER_ASSIGN_OR_RETURN(Array array, Array::Open(arguments.url, {.context = session.context()}));
  COFFER_ASSIGN_OR_RETURN(FileArray source, file.get(0));
  COFFER_ASSIGN_OR_RETURN(DataType type, RenamedType(source.layout.data_type, arguments.data_type));
  return MoveInto(session, source, type, array, *arguments.at, false, moved);
}

Status ImportSingle(Session& session, const Arguments& arguments, const ArrayFile& file,
                    int64_t* moved) {
  COFFER_ASSIGN_OR_RETURN(FileArray source, file.get(0));
  COFFER_ASSIGN_OR_RETURN(DataType type, RenamedType(source.layout.data_type, arguments.data_type));
  COFFER_ASSIGN_OR_RETURN(CreateOptions options, OptionsFor(session, arguments, source, type));
  COFFER_ASSIGN_OR_RETURN(const Place place, DestinationPlace(arguments.layout, arguments.url,
                                                              "zarr3", session.context()));
  COFFER_ASSIGN_OR_RETURN(Array array, Array::Create(place, options));
  return MoveInto(session, source, type, array, Index::Filled(array.rank(), 0), true, moved);
}

// A name with slashes stands below groups of its own.
Status CreateParents(const OpenGroup& root, const std::string& name, std::set<std::string>* made) {
  for (size_t at = 0; (at = name.find('/', at)) != std::string::npos; ++at) {
    std::string parent = name.substr(0, at);
    if (!made->insert(parent).second) continue;
    COFFER_RETURN_IF_ERROR(
        Group::Create(Place{root.group.store(), root.PrefixOf(parent), root.group.format()},
                      {.context = root.context}));
  }
  return Status();
}

Status CheckNames(const ArrayFile& file) {
  for (const std::string& name : file.names) {
    for (size_t begin = 0, end = 0; end != std::string::npos; begin = end + 1) {
      end = name.find('/', begin);
      const std::string part = name.substr(begin, end - begin);
      if (part.find_first_not_of('.') == std::string::npos || part.starts_with("__")) {
        return InvalidArgumentError("\"" + Printable(name) + "\" cannot name a node: its part \"" +
                                    Printable(part) + "\" is empty, dots, or begins with \"__\"");
      }
    }
  }
  return Status();
}

// --dtype means those arrays that can take it, since a file holds other types beside; at least one.
Status CheckTypeFits(const ArrayFile& file, const Arguments& arguments) {
  if (!arguments.data_type) return Status();
  for (size_t i = 0; i < file.names.size(); ++i) {
    COFFER_ASSIGN_OR_RETURN(FileArray source, file.get(i));
    if (RenamedType(source.layout.data_type, arguments.data_type).ok()) return Status();
  }
  return UnimplementedError("--dtype " + arguments.data_type->name() +
                            ": no array can take that type without a conversion");
}

Status ImportSet(Session& session, const Arguments& arguments, const ArrayFile& file,
                 int64_t* moved) {
  Status named = CheckNames(file);
  if (!named.ok()) return named.Annotate(arguments.file);
  Status fits = CheckTypeFits(file, arguments);
  if (!fits.ok()) return fits.Annotate(arguments.file);
  GroupOptions options{.attributes = {}, .context = session.context()};
  if (!file.metadata.empty()) {
    Json metadata{Json::Object(file.metadata.begin(), file.metadata.end())};
    options.attributes = Json(Json::Object{{"safetensors_metadata", metadata}}).Dump();
  }
  COFFER_ASSIGN_OR_RETURN(const Place place, DestinationPlace(arguments.layout, arguments.url,
                                                              "zarr3", session.context()));
  COFFER_ASSIGN_OR_RETURN(Group group, Group::Create(place, options));
  OpenGroup root{std::move(group), session.context()};
  std::set<std::string> made;
  for (size_t i = 0; i < file.names.size(); ++i) {
    COFFER_ASSIGN_OR_RETURN(FileArray source, file.get(i));
    Result<DataType> type = RenamedType(source.layout.data_type, arguments.data_type);
    if (!type.ok()) type = source.layout.data_type;
    COFFER_ASSIGN_OR_RETURN(CreateOptions create, OptionsFor(session, arguments, source, *type));
    COFFER_RETURN_IF_ERROR(CreateParents(root, source.name, &made));
    COFFER_ASSIGN_OR_RETURN(
        Array array,
        Array::Create(Place{place.store, root.PrefixOf(source.name), place.driver}, create));
    COFFER_RETURN_IF_ERROR(
        MoveInto(session, source, *type, array, Index::Filled(array.rank(), 0), true, moved));
  }
  return Status();
}

Result<int> Import(Session& session, const Arguments& arguments) {
  CancelToken cancel = session.cancel_token();
  COFFER_ASSIGN_OR_RETURN(ArrayFile file, formats::OpenArrayFile(arguments.file));
  if (!arguments.at) {
    COFFER_RETURN_IF_ERROR(CheckNothingAbove(arguments.url, session.context()));
  }
  if (arguments.at && !file.is_single) {
    return InvalidArgumentError(arguments.file + ": --at needs a file of one array; this one is " +
                                file.format);
  }
  if (arguments.at && arguments.layout.any()) {
    return InvalidArgumentError(ShownPlace(arguments.url) +
                                ": --at writes into an array that has its layout already; of the "
                                "layout options it takes --dtype alone");
  }
  Stopwatch watch;
  int64_t moved = 0;
  auto import = arguments.at ? ImportIntoExisting : file.is_single ? ImportSingle : ImportSet;
  Status status = import(session, arguments, file, &moved);
  if (cancel.cancelled() && status.code() == StatusCode::kCancelled) {
    return status.Annotate(ShownPlace(arguments.url) + " holds a part of " + arguments.file);
  }
  COFFER_RETURN_IF_ERROR(status);
  session.NoteRate(FormatBytes(moved) + " from " + arguments.file, moved, watch);
  return kDone;
}

}  // namespace

void AddImport(const CommandLine& line) {
  Session& session = line.session();
  auto arguments = std::make_shared<Arguments>();
  CommandLine command = line.Command("import", "Store the arrays of a plain file",
                                     [&session, arguments] { return Import(session, *arguments); });
  command.Text("FILE", &arguments->file, ".npy, .nii, .nii.gz, .npz or .safetensors");
  command.Text("URL", &arguments->url, "where to");
  command.Parsed(
      "--at", &arguments->at,
      [](const std::string& text) -> Result<std::optional<Index>> {
        COFFER_ASSIGN_OR_RETURN(Index at, ParseShape(text));
        return std::optional(at);
      },
      "write into an existing array, from this index on: 0,64,0");
  arguments->layout.AddTo(command);
  command.Parsed(
      "--dtype", &arguments->data_type,
      [](const std::string& text) -> Result<std::optional<DataType>> {
        COFFER_ASSIGN_OR_RETURN(DataType type, DataType::Parse(text));
        return std::optional(type);
      },
      "data type of the same width that the elements really have: bfloat16");
}

}  // namespace coffer::inline v0::tool
