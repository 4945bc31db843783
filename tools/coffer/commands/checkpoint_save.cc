// coffer checkpoint save FILE URL: the arrays of a .safetensors or .npz file as one flat dict.
//
// The arrays are encoded from the mapped file; only big-endian ones are copied.
#include <algorithm>
#include <memory>
#include <vector>

#include "coffer/checkpoint/checkpoint.h"
#include "src/base/shown.h"
#include "tools/coffer/commands/commands.h"
#include "tools/coffer/layout_options.h"
#include "tools/coffer/nodes.h"
#include "tools/coffer/text.h"
#include "tools/formats/array_file.h"
#include "tools/formats/safetensors.h"

namespace coffer::inline v0::tool {
namespace {

using formats::ArrayFile;
using formats::FileArray;

struct Arguments {
  std::string file;
  std::string url;
  std::optional<int64_t> step;
  CodecSpec codec = Zstd(3);
  bool no_checksum = false;
  int64_t chunk_bytes = MiB(1);
  int64_t shard_bytes = MiB(32);
  bool force = false;
};

// A tree over a file's arrays, and what keeps their memory.
struct MappedTree {
  Tree tree = Tree::Dict();
  int64_t bytes = 0;
  std::vector<std::shared_ptr<const std::byte>> mappings;
  std::string lost;  // What the file says that a checkpoint has no place for; "" if nothing.

  Status Add(const FileArray& array) {
    const formats::ArrayLayout& layout = array.layout;
    bytes += layout.bytes;
    if (layout.swapped && layout.data_type.swap_size() > 1) {
      COFFER_ASSIGN_OR_RETURN(OwnedArray copy,
                              OwnedArray::Allocate(layout.data_type, layout.shape));
      COFFER_RETURN_IF_ERROR(array.Read(Box::Full(layout.shape), copy.view()));
      tree.Set(array.name, Tree(std::move(copy)));
      return Status();
    }
    // The tensors of one file share one mapping.
    if (mapped_ != array.file) {
      COFFER_ASSIGN_OR_RETURN(std::shared_ptr<const std::byte> mapping, array.file->Map());
      mappings.push_back(std::move(mapping));
      mapped_ = array.file;
    }
    const std::byte* data = mappings.back().get();
    if (data != nullptr) data += layout.offset;
    tree.Set(array.name, Tree(ConstView(data, layout.data_type, layout.shape, layout.strides)));
    return Status();
  }

 private:
  std::shared_ptr<const formats::File> mapped_;
};

Result<MappedTree> MapFile(const std::string& path) {
  COFFER_ASSIGN_OR_RETURN(ArrayFile file, formats::OpenArrayFile(path));
  if (file.is_single) {
    return InvalidArgumentError(path + ": a checkpoint is made of named arrays; this is one " +
                                file.format + " array (coffer import)");
  }
  MappedTree mapped;
  int64_t typeless = 0;
  for (size_t i = 0; i < file.names.size(); ++i) {
    COFFER_ASSIGN_OR_RETURN(FileArray array, file.get(i));
    COFFER_RETURN_IF_ERROR(mapped.Add(array));
    typeless += array.attributes.Find("safetensors_dtype") != nullptr ? 1 : 0;
  }
  int64_t texts = std::count_if(file.metadata.begin(), file.metadata.end(), [](const auto& entry) {
    return !entry.first.starts_with(formats::kSafetensorsTypeKey);
  });
  if (texts > 0) mapped.lost = FormatCount(texts, "text") + " of __metadata__";
  if (typeless > 0) {
    mapped.lost += (texts > 0 ? "; " : "") + std::string("the float8 types of ") +
                   FormatCount(typeless, "array") + " (their bytes are, as r8)";
  }
  return mapped;
}

Result<int> Save(Session& session, const Arguments& arguments) {
  CancelToken cancel = session.cancel_token();
  COFFER_ASSIGN_OR_RETURN(MappedTree mapped, MapFile(arguments.file));
  std::string place = arguments.url;
  if (arguments.step) {
    COFFER_ASSIGN_OR_RETURN(place,
                            ChildPlace(place, std::to_string(*arguments.step), session.context()));
  }
  Stopwatch watch;
  Status status;
  {
    Progress progress = session.MakeProgress("save");
    status = checkpoint::Save(place, mapped.tree,
                              {.codec = arguments.codec,
                               .checksum = !arguments.no_checksum,
                               .chunk_bytes = arguments.chunk_bytes,
                               .shard_bytes = arguments.shard_bytes,
                               .overwrite = arguments.force,
                               .on_progress = progress.function(),
                               .cancel = cancel,
                               .context = session.context()});
  }
  if (status.code() == StatusCode::kCancelled) {
    return status.Annotate(ShownPlace(place) + ": nothing was published");
  }
  COFFER_RETURN_IF_ERROR(status);
  session.NoteRate(FormatCount(std::ssize(mapped.tree.members()), "array") + ", " +
                       FormatBytes(mapped.bytes) + " saved",
                   mapped.bytes, watch);
  if (!mapped.lost.empty()) session.Warn(arguments.file + ": not saved: " + mapped.lost);
  return kDone;
}

auto SizeFrom(int64_t min) {
  return [min](const std::string& text) -> Result<int64_t> {
    COFFER_ASSIGN_OR_RETURN(int64_t bytes, ParseByteSize(text));
    if (bytes < min) return InvalidArgumentError("must be at least " + std::to_string(min));
    return bytes;
  };
}

}  // namespace

void AddCheckpointSave(const CommandLine& line) {
  Session& session = line.session();
  auto arguments = std::make_shared<Arguments>();
  CommandLine command = line.Command("save", "Save the arrays of a file as a checkpoint",
                                     [&session, arguments] { return Save(session, *arguments); });
  command.Text("FILE", &arguments->file, ".safetensors or .npz");
  command.Text("URL", &arguments->url, "where to");
  command.Parsed("--step", &arguments->step, ParseStep, "save as this step below URL");
  command.Parsed(
      "--codec", &arguments->codec, [](const std::string& text) { return ParseCodec(text); },
      "none, zstd[:LEVEL], gzip[:LEVEL] or blosc[:CNAME[:LEVEL[:SHUFFLE]]]");
  command.Flag("--no-checksum", &arguments->no_checksum, "store chunks without crc32c");
  command.Parsed("--chunk-bytes", &arguments->chunk_bytes, SizeFrom(1),
                 "about so much in a chunk (default 1M)");
  command.Parsed("--shard-bytes", &arguments->shard_bytes, SizeFrom(0),
                 "about so much in a shard (default 32M); 0: no shards");
  command.Flag("--force", &arguments->force, "replace a checkpoint that is there");
}

}  // namespace coffer::inline v0::tool
