#include "coffer/codec/codec.h"

#include <set>
#include <utility>

#include "coffer/async/future.h"
#include "src/base/growing_list.h"
#include "src/base/json.h"
#include "src/base/made_before_fork.h"
#include "src/base/mutex.h"
#include "src/codec/builtin.h"

namespace coffer::inline v0 {
namespace {

Status NotOfThisKind(const Codec& codec, std::string_view kind) {
  return InternalError("codec \"" + codec.name() + "\" does not turn " + std::string(kind));
}

}  // namespace

BoundArrayToArray::~BoundArrayToArray() = default;

Status BoundArrayToArray::Encode(const ConstView&, const View&) const {
  return InternalError("this codec has neither a dimension order nor Encode");
}

Status BoundArrayToArray::Decode(const ConstView&, const View&) const {
  return InternalError("this codec has neither a dimension order nor Decode");
}

BoundArrayToBytes::~BoundArrayToBytes() = default;

BoundBytesToBytes::~BoundBytesToBytes() = default;

std::optional<Result<std::span<const std::byte>>> BoundBytesToBytes::DecodeInPlace(
    std::span<const std::byte>) const {
  return std::nullopt;
}

Result<size_t> BoundBytesToBytes::EncodeInPlace(std::span<std::byte>, size_t) const {
  return InternalError("this codec does not encode in place");
}

Result<size_t> BoundBytesToBytes::DecodePieces(std::span<const std::byte>, std::span<std::byte>,
                                               const TakePiece&) const {
  return InternalError("this codec does not decode in pieces");
}

Codec::~Codec() = default;

Result<std::unique_ptr<BoundArrayToArray>> Codec::BindArrayToArray(const ChunkSpec&) const {
  return NotOfThisKind(*this, "arrays into arrays");
}

Result<std::unique_ptr<BoundArrayToBytes>> Codec::BindArrayToBytes(const ChunkSpec&) const {
  return NotOfThisKind(*this, "arrays into bytes");
}

Result<std::unique_ptr<BoundBytesToBytes>> Codec::BindBytesToBytes(int64_t) const {
  return NotOfThisKind(*this, "bytes into bytes");
}

struct CodecTable::State {
  template <class Matches>
  const CodecDriver* Find(Matches matches) const {
    const CodecDriver* const own = drivers.Find(matches);
    return own != nullptr || below == nullptr ? own : below->Find(matches);
  }
  const CodecDriver* ByName(std::string_view name) const {
    return Find([&](const CodecDriver& driver) { return driver.name == name; });
  }

  const State* below = nullptr;
  Mutex mutex;  // Guards adding to `drivers`, not reading it.
  GrowingList<CodecDriver> drivers;
};

CodecTable::CodecTable(const CodecTable* below) : state_(std::make_unique<State>()) {
  if (below != nullptr) state_->below = below->state_.get();
}
CodecTable::~CodecTable() = default;
CodecTable::CodecTable(CodecTable&& other) noexcept = default;

CodecTable& CodecTable::Process() {
  static CodecTable& table = *[] {
    auto* const made = new CodecTable(nullptr);
    AddBuiltinCodecs(*made);
    return made;
  }();
  return table;
}
namespace {
const MadeBeforeFork kProcessTable([] { CodecTable::Process(); });
}  // namespace

Status CodecTable::Add(CodecDriver driver) {
  if (driver.name.empty()) return InvalidArgumentError("a codec needs a name");
  if (!driver.make) return InvalidArgumentError("codec \"" + driver.name + "\" has no `make`");
  MutexLock lock(state_->mutex);
  if (state_->ByName(driver.name) != nullptr) {
    return AlreadyExistsError("codec \"" + driver.name + "\" is already known");
  }
  state_->drivers.Append(std::move(driver));
  return Status();
}

Result<CodecPtr> CodecTable::Make(std::string_view name, std::string_view configuration) const {
  const CodecDriver* const driver = state_->ByName(name);
  if (driver == nullptr) {
    return UnimplementedError("codec \"" + std::string(name) + "\" is not known here");
  }
  Status status;
  try {
    Result<CodecPtr> codec = driver->make(configuration, *this);
    if (!codec.ok() || *codec != nullptr) return codec;
    status = InternalError("its `make` returned no codec");
  } catch (...) {
    status = internal::StatusOfException();
  }
  return status.Annotate("codec \"" + driver->name + "\"");
}

std::vector<std::string> CodecTable::names() const {
  std::set<std::string> names;
  state_->Find([&](const CodecDriver& driver) {
    names.insert(driver.name);
    return false;
  });
  return {names.begin(), names.end()};
}

CodecSpec Uncompressed() { return {}; }

CodecSpec Zstd(int level) {
  return {"zstd", Json(Json::Object{{"level", level}, {"checksum", false}}).Dump()};
}

CodecSpec Gzip(int level) { return {"gzip", Json(Json::Object{{"level", level}}).Dump()}; }

CodecSpec Blosc(std::string_view cname, int level, std::string_view shuffle) {
  Json configuration(Json::Object{{"cname", cname}, {"clevel", level}});
  if (!shuffle.empty()) configuration.Set("shuffle", shuffle);
  return {"blosc", configuration.Dump()};
}

}  // namespace coffer::inline v0
