// coffer checkpoint restore URL -o OUT: arrays of a checkpoint into a flat file or a Zarr group.
//
// 1. The checkpoint is opened, once: replaced meanwhile, the command fails, and never mixes.
//
// 2. The leaves are chosen (--only) and get their shapes (--shape), as far as --pad and --truncate
//    allow them; the output is made with all of them, under a temporary name if it is a file.
//
// 3. Leaves are restored in batches of about the budget, each written out before the next is read,
//    so that memory holds one batch (or the largest leaf), not the checkpoint.
//
// 4. The file gets its name.
#include <fnmatch.h>

#include <algorithm>
#include <memory>
#include <set>
#include <vector>

#include "coffer/checkpoint/checkpoint.h"
#include "src/base/shown.h"
#include "src/checkpoint/place.h"
#include "tools/coffer/checkpoints.h"
#include "tools/coffer/commands/commands.h"
#include "tools/coffer/nodes.h"
#include "tools/coffer/text.h"
#include "tools/formats/array_file.h"

namespace coffer::inline v0::tool {
namespace {

using checkpoint::CheckpointInfo;
using checkpoint::LeafInfo;
using checkpoint::Reader;
using formats::ArrayFileWriter;

// However small the budget, tiny leaves are not restored one at a time.
constexpr int64_t kBatchBytesMin = MiB(1);

struct NewShape {
  std::string name;
  Shape shape;
};

struct Arguments {
  std::string url;
  std::string output;
  std::optional<int64_t> step;
  std::string only;
  std::vector<std::string> shapes;
  bool pad = false;
  bool truncate = false;

  ShapePolicy policy() const {
    if (pad) return truncate ? ShapePolicy::kPadOrTruncate : ShapePolicy::kPad;
    return truncate ? ShapePolicy::kTruncate : ShapePolicy::kExact;
  }
  bool is_file() const { return output.ends_with(".safetensors") || output.ends_with(".npz"); }
};

// "PATH=32768,384"; a path may contain "=" itself.
Result<NewShape> ParseNewShape(const std::string& text) {
  size_t equals = text.rfind('=');
  if (equals == std::string::npos || equals == 0) {
    return InvalidArgumentError("\"" + text + "\" is no PATH=SHAPE (example: a.b=32768,384)");
  }
  COFFER_ASSIGN_OR_RETURN(Shape shape, ParseShape(std::string_view(text).substr(equals + 1)));
  return NewShape{text.substr(0, equals), shape};
}

struct Leaf {
  std::string name;  // Joined by ".".
  LeafInfo info;
  Shape shape;  // Wanted.
  int64_t bytes = 0;
};

struct Plan {
  std::vector<Leaf> arrays;
  std::map<std::string, std::string> others;  // Name to value.
  std::vector<checkpoint::TargetShape> shapes;
  int64_t bytes = 0;
};

// Whether --pad and --truncate allow the wanted shape; and its bytes.
Status CheckShape(const Arguments& arguments, Leaf* leaf) {
  const Shape& stored = leaf->info.shape;
  std::string shapes = "\"" + leaf->name + "\": stored shape " + ToString(stored) +
                       " does not match the wanted " + ToString(leaf->shape);
  if (leaf->shape.rank() != stored.rank()) return InvalidArgumentError(shapes + ": another rank");
  bool pad = false;
  bool truncate = false;
  for (int d = 0; d < stored.rank(); ++d) {
    pad = pad || leaf->shape[d] > stored[d];
    truncate = truncate || leaf->shape[d] < stored[d];
  }
  if ((pad && !arguments.pad) || (truncate && !arguments.truncate)) {
    return InvalidArgumentError(shapes + "; this needs " +
                                (pad && truncate ? "--pad --truncate"
                                 : pad           ? "--pad"
                                                 : "--truncate"));
  }
  std::optional<int64_t> elements = NumElements(leaf->shape);
  std::optional<int64_t> bytes =
      elements ? CheckedMul(*elements, leaf->info.data_type.size()) : std::nullopt;
  if (!bytes) return InvalidArgumentError(shapes + ": more bytes than 2^63");
  leaf->bytes = *bytes;
  return Status();
}

Result<Plan> MakePlan(const CheckpointInfo& info, const Arguments& arguments) {
  std::map<std::string, Shape> wanted;
  for (const std::string& text : arguments.shapes) {
    COFFER_ASSIGN_OR_RETURN(NewShape given, ParseNewShape(text));
    wanted[given.name] = given.shape;
  }
  Plan plan;
  std::set<std::string> names;
  for (const LeafInfo& leaf : info.leaves) {
    std::string name = JoinedName(leaf.path);
    if (!arguments.only.empty() && fnmatch(arguments.only.c_str(), name.c_str(), 0) != 0) continue;
    if (!names.insert(name).second) {
      return InvalidArgumentError("two leaves would be named \"" + name + "\"");
    }
    if (leaf.kind != Tree::Kind::kArray) {
      // Strings as they are, everything else as JSON.
      Result<Json> value = Json::Parse(leaf.value);
      bool is_text = value.ok() && value->is_string() && leaf.kind == Tree::Kind::kString;
      plan.others[name] = is_text ? value->string() : leaf.value;
      continue;
    }
    Leaf array{name, leaf, leaf.shape};
    if (auto found = wanted.extract(name)) {
      array.shape = found.mapped();
      plan.shapes.push_back({leaf.path, array.shape});
    }
    COFFER_RETURN_IF_ERROR(CheckShape(arguments, &array));
    std::optional<int64_t> sum = CheckedAdd(plan.bytes, array.bytes);
    if (!sum) return InvalidArgumentError("all arrays together have more bytes than 2^63");
    plan.bytes = *sum;
    plan.arrays.push_back(std::move(array));
  }
  if (!wanted.empty()) {
    return NotFoundError("--shape names no array that is restored: \"" + wanted.begin()->first +
                         "\"");
  }
  if (names.empty()) return NotFoundError("--only \"" + arguments.only + "\" matches no leaf");
  return plan;
}

// Where restored arrays go.
class Output {
 public:
  virtual ~Output() = default;
  virtual Status Write(size_t index, const ConstView& values) = 0;
  virtual Status Commit() = 0;
};

class FileOutput : public Output {
 public:
  static Result<std::unique_ptr<Output>> Create(const std::string& path, const Plan& plan) {
    std::vector<ArrayFileWriter::Spec> specs;
    for (const Leaf& leaf : plan.arrays) {
      specs.push_back({leaf.name, leaf.info.data_type, leaf.shape});
    }
    auto output = std::make_unique<FileOutput>();
    COFFER_ASSIGN_OR_RETURN(output->writer_, ArrayFileWriter::Create(path, specs, plan.others));
    return std::unique_ptr<Output>(std::move(output));
  }
  Status Write(size_t index, const ConstView& values) override {
    const formats::FileArray& array = writer_->array(index);
    return formats::WriteBox(*array.file, array.layout, Box::Full(values.shape), values);
  }
  Status Commit() override { return writer_->Commit(); }

 private:
  std::unique_ptr<ArrayFileWriter> writer_;
};

// A group with an array for each leaf; the inner nodes of the tree become groups, values that are
// no arrays attributes of the outermost one.
class GroupOutput : public Output {
 public:
  static Result<std::unique_ptr<Output>> Create(const std::string& url, const Plan& plan,
                                                const Context& context) {
    COFFER_RETURN_IF_ERROR(CheckNothingAbove(url, context));
    Json attributes{Json::Object(plan.others.begin(), plan.others.end())};
    COFFER_ASSIGN_OR_RETURN(
        Group group, Group::Create(url, {.attributes = plan.others.empty() ? "" : attributes.Dump(),
                                         .context = context}));
    return std::unique_ptr<Output>(
        std::make_unique<GroupOutput>(OpenGroup{std::move(group), context}, plan));
  }
  GroupOutput(OpenGroup root, const Plan& plan) : root_(std::move(root)), plan_(plan) {}

  Status Write(size_t index, const ConstView& values) override {
    const LeafInfo& info = plan_.arrays[index].info;
    std::string name;
    for (const TreePath::Step& step : info.path.steps()) {
      if (!name.empty()) {
        COFFER_RETURN_IF_ERROR(CreateGroup(name));
        name += "/";
      }
      name += std::holds_alternative<std::string>(step) ? std::get<std::string>(step)
                                                        : std::to_string(std::get<int64_t>(step));
    }
    COFFER_ASSIGN_OR_RETURN(Array array, Array::Create(root_.group.store(), root_.PrefixOf(name),
                                                       {.shape = values.shape,
                                                        .data_type = values.data_type,
                                                        .chunk_shape = {},
                                                        .shard_shape = {},
                                                        .attributes = {},
                                                        .context = root_.context}));
    return array.Write(Box::Full(values.shape), values);
  }
  Status Commit() override { return Status(); }

 private:
  Status CreateGroup(const std::string& name) {
    if (!made_.insert(name).second) return Status();
    return Group::Create(root_.group.store(), root_.PrefixOf(name), {.context = root_.context})
        .status();
  }

  OpenGroup root_;
  const Plan& plan_;
  std::set<std::string> made_;
};

Result<std::unique_ptr<Output>> MakeOutput(const Arguments& arguments, const Plan& plan,
                                           const Context& context) {
  const std::string& path = arguments.output;
  return arguments.is_file() ? FileOutput::Create(path, plan)
                             : GroupOutput::Create(path, plan, context);
}

// Restores plan.arrays[begin, end) and writes them out.
Status RestoreBatch(Session& session, const Reader& reader, const Arguments& arguments,
                    const Plan& plan, size_t begin, size_t end, Output& output,
                    const ProgressFunction& on_progress) {
  std::set<std::string> batch;
  for (size_t i = begin; i < end; ++i) batch.insert(plan.arrays[i].name);
  checkpoint::RestoreOptions options;
  options.shape_policy = arguments.policy();
  for (const checkpoint::TargetShape& target : plan.shapes) {
    if (batch.contains(JoinedName(target.path))) options.shapes.push_back(target);
  }
  options.only = [&](const TreePath& path) { return batch.contains(JoinedName(path)); };
  options.on_progress = on_progress;
  options.cancel = session.cancel_token();
  options.context = session.context();
  COFFER_ASSIGN_OR_RETURN(Tree tree, reader.Restore(options));
  for (size_t i = begin; i < end; ++i) {
    const Tree* leaf = tree.Find(plan.arrays[i].info.path);
    if (leaf == nullptr) return InternalError(plan.arrays[i].name + " went missing");
    COFFER_RETURN_IF_ERROR(output.Write(i, leaf->array()));
  }
  return Status();
}

Result<int64_t> RestoreAll(Session& session, const std::string& place, const Arguments& arguments) {
  COFFER_ASSIGN_OR_RETURN(Reader reader, Reader::Open(place, session.context()));
  COFFER_ASSIGN_OR_RETURN(CheckpointInfo info, reader.Info(false));
  Result<Plan> plan = MakePlan(info, arguments);
  if (!plan.ok()) return plan.status().Annotate(ShownPlace(place));
  Result<std::unique_ptr<Output>> made = MakeOutput(arguments, *plan, session.context());
  COFFER_RETURN_IF_ERROR(made.status());
  Output& output = **made;
  int64_t batch_max = std::max(session.options().budget_bytes, kBatchBytesMin);
  Progress progress = session.MakeProgress("restore");
  int64_t done = 0;
  for (size_t begin = 0; begin < plan->arrays.size();) {
    int64_t batch = plan->arrays[begin].bytes;
    size_t end = begin + 1;
    while (end < plan->arrays.size() && plan->arrays[end].bytes <= batch_max - batch) {
      batch += plan->arrays[end++].bytes;
    }
    COFFER_RETURN_IF_ERROR(
        RestoreBatch(session, reader, arguments, *plan, begin, end, output,
                     [&](int64_t now, int64_t) { progress.Update(done + now, plan->bytes); }));
    done += batch;
    begin = end;
  }
  COFFER_RETURN_IF_ERROR(output.Commit());
  return plan->bytes;
}

Result<int> Restore(Session& session, const Arguments& arguments) {
  CancelToken cancel = session.cancel_token();
  COFFER_ASSIGN_OR_RETURN(std::string place,
                          FindCheckpoint(arguments.url, arguments.step, session.context()));
  Stopwatch watch;
  Result<int64_t> bytes = RestoreAll(session, place, arguments);
  if (bytes.status().code() == StatusCode::kCancelled) {
    return bytes.status().Annotate(
        arguments.output + (arguments.is_file() ? " is as it was" : " holds a part of the arrays"));
  }
  COFFER_RETURN_IF_ERROR(bytes);
  session.NoteRate(FormatBytes(*bytes) + " restored to " + arguments.output, *bytes, watch);
  return kDone;
}

}  // namespace

void AddCheckpointRestore(const CommandLine& line) {
  Session& session = line.session();
  auto arguments = std::make_shared<Arguments>();
  CommandLine command =
      line.Command("restore", "Restore a checkpoint, or a part of it, into a file or group",
                   [&session, arguments] { return Restore(session, *arguments); });
  command.Text("URL", &arguments->url, "a checkpoint, or the place of its steps");
  command.Text("-o,--output", &arguments->output, "FILE.safetensors, FILE.npz, or a URL (a group)",
               true);
  command.Parsed("--step", &arguments->step, ParseStep, "which step (default: the newest)");
  command.Text("--only", &arguments->only, "leaves whose path, joined by dots, matches: enc.*");
  command.Texts("--shape", &arguments->shapes, "PATH=SHAPE of an array (repeatable)",
                [](const std::string& text) { return ParseNewShape(text).status(); });
  command.Flag("--pad", &arguments->pad, "larger shapes are filled with the fill value");
  command.Flag("--truncate", &arguments->truncate, "smaller shapes drop the end");
}

}  // namespace coffer::inline v0::tool
