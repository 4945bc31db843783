// KvStore: keys to values, with byte ranges, generations and conditional writes.
//
// Every array and checkpoint lives in a KvStore. The interface is small on purpose: few virtual
// methods with option structs; conveniences are the free functions below. A store that knows only
// blocking Read and Write is complete: the other methods have defaults built on these two.
//
//     std::shared_ptr<KvStore> store = OpenKvStore("file:///data/volume").OrThrow();
//     store->Write("a/b", Bytes::Copy("hello")).Get().OrThrow();
//     ReadResult read = store->Read("a/b", {.range = ByteRange::Last(2)}).Get().OrThrow();  // "lo"
//
// Rules that callers rely on:
//  * Atomic: a reader sees a key's old value or its new one, never a mix.
//  * Durable: a write that returned a generation survives power loss where capabilities().durable.
//  * Generations: a new write gives a generation that this key never had before.
//  * Conditions: an unmet condition is a value (kConditionNotMet), not an error.
//  * Missing is told from failing: only proof of absence reads as kMissing.
//  * Ranges outside the value are OutOfRange, never clipped.
//
// A store with capabilities().local does its work on the calling thread and returns ready futures
// (or ones that only wait for durability); the planners call it on executor threads. A remote store
// returns at once. Keys are bytes; what a store refuses (InvalidArgument) is its own.
//
// Errors name the store and the key (Describe). Thread safety: all methods from any thread. A store
// may be destroyed while futures are pending; they still resolve.
//
// A store reports errors as a Status, and never throws or returns a null future, writer or listing.
// One that is opened through a StoreTable is held to that (see there); one that a program makes and
// hands over itself is not.
#ifndef COFFER_KVSTORE_KVSTORE_H_
#define COFFER_KVSTORE_KVSTORE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "coffer/async/byte_budget.h"
#include "coffer/async/context.h"
#include "coffer/async/future.h"
#include "coffer/base/bytes.h"
#include "coffer/base/export.h"
#include "coffer/base/result.h"

namespace coffer::inline v0 {

/// The version of a key's value: opaque, comparable only for equality and only for one key.
struct COFFER_EXPORT Generation {
  std::string value;  ///< Empty: unknown. Use the factories for the special ones.

  static Generation Unknown() { return {}; }     ///< As a condition: none.
  static Generation Missing() { return {"-"}; }  ///< As a condition: the key must not exist.
  bool known() const { return !value.empty(); }
  bool missing() const { return value == "-"; }
  friend bool operator==(const Generation&, const Generation&) = default;
};

/// Which bytes of a value.
struct COFFER_EXPORT ByteRange {
  int64_t begin = 0;  ///< Negative: counted from the end (Last); then `end` is unset.
  int64_t end = -1;   ///< Exclusive; -1: the value's end.

  static ByteRange All() { return {}; }
  static ByteRange Span(int64_t begin, int64_t end) { return {begin, end}; }
  static ByteRange From(int64_t begin) { return {begin, -1}; }
  static ByteRange Last(int64_t n);
  /// No bytes: only whether the key exists, its size and generation.
  static ByteRange Stat() { return {0, 0}; }

  /// [begin, end) within a value of `size` bytes. Errors: OutOfRange if any part lies outside,
  /// InvalidArgument if begin > end.
  Result<ByteRange> Resolve(int64_t size) const;
  friend bool operator==(const ByteRange&, const ByteRange&) = default;
};

struct ReadOptions {
  ByteRange range = {};                             ///< Default: all.
  Generation if_equal = Generation::Unknown();      ///< Read only if this is still the generation.
  Generation if_not_equal = Generation::Unknown();  ///< Skip the bytes if this is.
  int64_t max_bytes = -1;  ///< More than this to return: ResourceExhausted, naming the size.
  CancelToken cancel = {};
  Reservation* reservation = nullptr;  ///< Of the task this read is part of; see ByteBudget.
};

struct ReadResult {
  enum class State {
    kValue,            ///< `value` holds the range.
    kMissing,          ///< The key does not exist; generation.missing().
    kConditionNotMet,  ///< if_equal or if_not_equal held the bytes back.
  };
  State state = State::kMissing;
  Bytes value;              ///< Empty for ReadInto, whose bytes are in the destination.
  Generation generation;    ///< Of the value read, or of what held it back where the store knows.
  int64_t total_size = -1;  ///< Of the whole value; -1 where the store does not say.
};

struct ReadRangesResult {
  ReadResult::State state = ReadResult::State::kMissing;
  std::vector<Bytes> values;  ///< One per range, all of one generation.
  Generation generation;
};

struct WriteOptions {
  Generation if_equal = Generation::Unknown();  ///< Write only if this is the generation.
  CancelToken cancel = {};
  /// As of a read. What the value does not need the task may give back while it is written.
  Reservation* reservation = nullptr;
  /// The caller waits for the future at once and has nothing else to do: a local store may do all
  /// of it on this thread instead of handing it to another.
  bool caller_waits = false;
};

struct WriteResult {
  enum class State { kWritten, kConditionNotMet };
  State state = State::kWritten;
  Generation generation;  ///< The new one; missing() after a delete; unknown if not met.
};

/// A value written piece by piece. Nothing of it shows before Commit; destruction abandons it.
/// Belongs to one thread at a time.
class COFFER_EXPORT KvWriter {
 public:
  virtual ~KvWriter();
  /// Adds bytes at the end. The bytes may be reused when it returns.
  virtual Status Append(std::span<const std::byte> bytes) = 0;
  /// Publishes what was appended. At most once; then the writer is used up.
  virtual Future<WriteResult> Commit() = 0;
};

/// Keys in [begin, end) in byte order; an empty end is no bound.
struct COFFER_EXPORT KeyRange {
  std::string begin;
  std::string end;
  static KeyRange Prefix(std::string_view prefix);
  bool Contains(std::string_view key) const;
  friend bool operator==(const KeyRange&, const KeyRange&) = default;
};

struct ListEntry {
  std::string key;
  int64_t size = -1;  ///< -1 where the store does not say.
  /// It is a link: what it leads to may have other keys, too. An adapter that makes entries anew
  /// must keep it, or a repair that is told to may delete what is reached through links.
  bool is_link = false;
};

struct ListOptions {
  KeyRange range = {};
  size_t page_size = 1000;  ///< Entries a call of Next() gives at most.
  /// Where capabilities().fold_listing, and the range is KeyRange::Prefix(p): all keys that have a
  /// "/" behind p and are alike up to the first such "/" show as one entry, whose key ends with it,
  /// of unknown size and no link. Elsewhere it means nothing, and every key shows.
  bool fold = false;
};

/// A listing in pages; the next page is made when it is asked for. Order is the store's own. Keys
/// written or deleted meanwhile may or may not show; others show exactly once.
class COFFER_EXPORT KvListing {
 public:
  virtual ~KvListing();
  /// The next entries; empty at the end. One call at a time.
  virtual Future<std::vector<ListEntry>> Next() = 0;
};

/// What a store can do: asked or probed, never discovered by failing.
struct Capabilities {
  bool local = false;    ///< Works on the calling thread; see above.
  bool writable = true;  ///< false: every change is refused with FailedPrecondition.
  bool listable = true;
  bool fold_listing = false;        ///< ListOptions::fold spares the listing of what is folded.
  bool conditional_write = false;   ///< if_equal on values is exact, also against other processes.
  bool conditional_delete = false;  ///< The same for deletes.
  /// Where conditional_write is false: if_equal == Generation::Missing() is exact all the same.
  bool conditional_create = false;
  bool durable = false;           ///< Acknowledged writes survive power loss.
  bool atomic_rename = false;     ///< RenamePrefix is one step.
  bool streaming_write = false;   ///< OpenWriter holds less than the whole value.
  bool key_beside_prefix = true;  ///< "a" and "a/b" may both exist.
  /// Where streaming_write: what an open writer holds at most, for whoever opens it to reserve. 0:
  /// too little to count.
  int64_t stream_bytes = 0;
  /// Ranges of one value whose gap is at most this are better read as one.
  int64_t coalesce_gap_bytes = 0;
  /// Merged reads stop growing here.
  int64_t coalesce_size_max_bytes = MiB(8);
  /// How many requests should be in flight to hide the latency; local stores: 0 (no opinion).
  int request_concurrency = 0;
};

/// Something that a writer left behind when it died. It is no key, and no reader sees it.
struct Debris {
  std::string name;    ///< As Describe() takes it: of a file store, the file's path in the root.
  int64_t size = -1;   ///< In bytes; -1 where the store does not say.
  std::string reason;  ///< What it is, and how it is known that nobody needs it.
};

struct ClearDebrisOptions {
  bool dry_run = false;  ///< Only tells what would be removed.
  /// The caller vouches that nobody writes. Only needed by stores that cannot tell the living from
  /// the dead; those that can look all the same.
  bool assume_no_writers = false;
};

class COFFER_EXPORT KvStore {
 public:
  virtual ~KvStore();

  virtual Future<ReadResult> Read(std::string key, ReadOptions options = {}) = 0;
  /// Reads into memory of the caller, which stays untouched after the future has resolved. The
  /// range must have exactly destination.size() bytes: OutOfRange otherwise. Default: by Read()
  /// with that as max_bytes.
  virtual Future<ReadResult> ReadInto(std::string key, std::span<std::byte> destination,
                                      ReadOptions options = {});
  /// Many ranges of one value and one generation, in the order given; options.range is ignored
  /// and options.max_bytes counts all of them.
  /// Near ranges are coalesced by capabilities(). Default: by Read(); where that tells no
  /// generations, several fetches are made one, or, if it answers later, are Aborted.
  virtual Future<ReadRangesResult> ReadRanges(std::string key, std::vector<ByteRange> ranges,
                                              ReadOptions options = {});
  /// Writes a value, or deletes the key (nullopt; deleting a missing key succeeds).
  virtual Future<WriteResult> Write(std::string key, std::optional<BytesChain> value,
                                    WriteOptions options = {}) = 0;
  /// Default: gathers the pieces and calls Write(); the store must then outlive the writer. Where
  /// the store is not writable, FailedPrecondition, as are the next changes by default.
  virtual Result<std::unique_ptr<KvWriter>> OpenWriter(std::string key, WriteOptions options = {});
  /// Default: Unimplemented.
  virtual Result<std::unique_ptr<KvListing>> List(ListOptions options = {});
  /// Deletes every key in the range; not atomic as a whole. Default: by List() and Write().
  virtual Future<void> DeleteRange(KeyRange range);
  /// Gives every key that starts with `from` the prefix `to` instead; both end with "/". Fails with
  /// AlreadyExists if a key with prefix `to` exists, NotFound if none with `from` does. Default:
  /// Unimplemented.
  virtual Future<void> RenamePrefix(std::string from, std::string to);
  /// Removes what dead writers of keys in the range have left, and tells what that was; what
  /// belongs to living ones stays. Errors: FailedPrecondition where there is something of which the
  /// store cannot tell whether its writer lives, unless options.assume_no_writers. Default: none.
  virtual Future<std::vector<Debris>> ClearDebris(KeyRange range, ClearDebrisOptions options = {});

  virtual Capabilities capabilities() const = 0;
  /// How errors and users name a key of this store: a URL where there is one.
  virtual std::string Describe(std::string_view key) const = 0;
};

using KvStorePtr = std::shared_ptr<KvStore>;

/// Opens a store by URL ("file:///data/x", a plain path, "memory://name", "file:///x/a.zip|zip:b/")
/// or JSON spec ({"driver": "file", "path": "/data/x"}). Errors: InvalidArgument (unknown scheme or
/// driver, unknown member, each by name), or the store's own.
COFFER_EXPORT Result<KvStorePtr> OpenKvStore(std::string_view url_or_json,
                                             const Context& context = Context::Default());

/// A key, and the store that has it.
struct KvStoreKey {
  KvStorePtr store;
  std::string key;
};
/// Opens what a URL, path or spec names as a key: what stands behind the last "/" of its path (of a
/// spec without a path: of its base), of the store before that. "file:///data/a.zip" is "a.zip" of
/// "file:///data/". Errors: InvalidArgument if nothing stands there, or if the path of a spec is no
/// text; those of OpenKvStore.
COFFER_EXPORT Result<KvStoreKey> OpenKvStoreKey(std::string_view url_or_json,
                                                const Context& context = Context::Default());

/// Calls `see` for each page of a listing until it fails. Errors: the store's, or those of `see`;
/// what `see` throws is Internal, with the store and where the listing begins.
COFFER_EXPORT Status ForEachPage(KvStore& store, ListOptions options,
                                 const std::function<Status(std::span<const ListEntry>)>& see);

/// What lies directly below a prefix, as in a folder of files.
struct FolderEntries {
  std::vector<ListEntry> keys;       ///< Those without a "/" behind the prefix, sorted.
  std::vector<std::string> folders;  ///< What other keys have in common up to that "/", sorted.
};
/// Memory in proportion to the result, whatever the folders hold; time too, if the store folds
/// listings. `prefix` is "" or ends with "/".
COFFER_EXPORT Result<FolderEntries> ListFolder(KvStore& store, std::string_view prefix);

/// All entries of a listing, sorted by key. Memory in proportion to their number.
COFFER_EXPORT Result<std::vector<ListEntry>> ListAll(KvStore& store, ListOptions options = {});

}  // namespace coffer::inline v0

#endif  // COFFER_KVSTORE_KVSTORE_H_
