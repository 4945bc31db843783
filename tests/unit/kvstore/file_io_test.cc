// Goal: values come and go whole over calls that come short, are put off, or refuse what the fast
// ways need: room asked for beforehand, vectored reads, writes past the page cache.
// Method: file calls bent on demand, and counted; files that change under an open reader.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cerrno>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "tests/unit/kvstore/file_store_test.h"

namespace coffer {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr size_t kMiB = size_t{1} << 20;

/// Text that differs at every place.
std::string Pattern(size_t size) {
  std::string text(size, '\0');
  for (size_t i = 0; i < size; ++i) text[i] = static_cast<char>(i * 31 + (i >> 8) * 7 + (i >> 16));
  return text;
}

class FileIoTest : public FileStoreTest {
 protected:
  void SetUp() override { ops_.no_disk = true; }

  static Status Stream(KvStore& store, const std::string& key, std::string_view text,
                       size_t piece) {
    COFFER_ASSIGN_OR_RETURN(const auto writer, store.OpenWriter(key));
    for (size_t at = 0; at < text.size(); at += piece) {
      COFFER_RETURN_IF_ERROR(writer->Append(AsBytes(text.substr(at, piece))));
    }
    return writer->Commit().Get().status();
  }
  int64_t BlocksOf(const std::string& key) const {
    struct stat raw = {};
    EXPECT_EQ(stat((root_ + "/" + key).c_str(), &raw), 0);
    return raw.st_blocks * 512;
  }
  /// Whether this platform can: its plain POSIX twin cannot.
  bool GivesRoom() {
    Plant("probe", "");
    const File root(SystemFileOps::Get(), SystemFileOps::Get().OpenDirectory(root_.c_str()));
    const File file(SystemFileOps::Get(),
                    SystemFileOps::Get().OpenAt(root.get(), "probe", O_RDWR, 0));
    std::filesystem::remove(root_ + "/probe");
    return SystemFileOps::Get().Preallocate(file.get(), 0, KiB(64)) == 0;
  }
  int CountCalls(const std::string& call) {
    int count = 0;
    for (const std::string& line : ops_.TakeLog()) count += line.starts_with(call + " ") ? 1 : 0;
    return count;
  }
};

TEST_F(FileIoTest, CallsThatArePutOffAreRepeated) {
  const KvStorePtr store = Make();
  ops_.write_max = 5;
  ops_.read_max = 4;
  for (const int error : {-EINTR, -EAGAIN}) {
    for (int i = 0; i < 3; ++i) {  // Three in a row.
      ops_.Fail("Write", error);
      ops_.Fail("ReadAt", error);
      ops_.Fail("ReadPiecesAt", error);
    }
    EXPECT_TRUE(Put(*store, "k", "one two three four").ok());
    EXPECT_EQ(Get(*store, "k"), "one two three four");
    const auto read =
        store->ReadRanges("k", {ByteRange::Span(0, 3), ByteRange::Span(8, 18)}).Get().OrDie();
    EXPECT_EQ(read.values[0].text(), "one");
    EXPECT_EQ(read.values[1].text(), "three four");
  }
  ops_.FailForEver("Write", -EAGAIN);
  EXPECT_EQ(Put(*store, "k", "new").ToString(),
            "Unavailable: " + url_ + "k: writing: Resource temporarily unavailable");
  ops_.Mend();
  EXPECT_EQ(Get(*store, "k"), "one two three four");
}

TEST_F(FileIoTest, NearRangesAreOneVectoredRead) {
  const KvStorePtr store = Make();
  const std::string text = Pattern(100'000);
  EXPECT_TRUE(Put(*store, "k", text).ok());
  const std::vector<ByteRange> ranges = {
      ByteRange::Span(5000, 5100), ByteRange::Span(10, 20),         ByteRange::Span(15, 4000),
      ByteRange::Span(4000, 4100), ByteRange::Span(5050, 5060),     ByteRange::Span(70, 70),
      ByteRange::Span(8000, 8000), ByteRange::Span(90'000, 100'000)};
  for (const size_t read_max : {SIZE_MAX, size_t{7}}) {
    ops_.read_max = read_max;
    ops_.TakeLog();
    const int64_t before = context_.stats().bytes_read;
    const ReadRangesResult read = store->ReadRanges("k", ranges).Get().OrDie();
    ASSERT_EQ(read.values.size(), ranges.size());
    for (size_t i = 0; i < ranges.size(); ++i) {
      EXPECT_EQ(read.values[i].text(),
                std::string_view(text).substr(static_cast<size_t>(ranges[i].begin),
                                              static_cast<size_t>(ranges[i].end - ranges[i].begin)))
          << i;
    }
    EXPECT_EQ(context_.stats().bytes_read - before, 8000 - 10 + 10'000);
    if (read_max != SIZE_MAX) continue;
    const std::vector<std::string> log = ops_.TakeLog();
    EXPECT_EQ(std::count(log.begin(), log.end(), "ReadPiecesAt "), 1);
    EXPECT_EQ(std::count(log.begin(), log.end(), "ReadAt "), 1);  // The one far away.
    // Gaps take no memory of the result: the values lie side by side.
    EXPECT_EQ(read.values[0].data(), read.values[2].data() + (4100 - 15));
  }
}

TEST_F(FileIoTest, MoreRangesThanAVectoredCallTakes) {
  const KvStorePtr store = Make();
  const std::string text = Pattern(30'000);
  EXPECT_TRUE(Put(*store, "k", text).ok());
  std::vector<ByteRange> ranges;
  for (int64_t i = 0; i < 3000; ++i) ranges.push_back(ByteRange::Span(i * 10, i * 10 + 3));
  const ReadRangesResult read = store->ReadRanges("k", ranges).Get().OrDie();
  for (size_t i = 0; i < ranges.size(); ++i) {
    EXPECT_EQ(read.values[i].text(), std::string_view(text).substr(i * 10, 3));
  }
}

/// Does something to the file just before it is first read from.
class ChangesBeforeRead final : public BentOps {
 public:
  std::function<void()> change;
  ssize_t ReadAt(int file, std::span<std::byte> destination, int64_t offset) override {
    if (change) std::exchange(change, nullptr)();
    return BentOps::ReadAt(file, destination, offset);
  }
};

TEST_F(FileIoTest, AFileReplacedOrCutWhileItIsReadGivesNoMixture) {
  ChangesBeforeRead ops;
  const Context context = Context::Create({.threads = 1});
  const KvStorePtr store = MakeFileStore(root_, {}, context, ops).OrDie();
  EXPECT_TRUE(Put(*store, "k", "old value").ok());
  ops.change = [&] {
    Plant("theirs", "NEW VALUE, which is longer");
    fs::rename(root_ + "/theirs", root_ + "/k");
  };
  const ReadResult read = store->Read("k", {.range = ByteRange::From(4)}).Get().OrDie();
  EXPECT_EQ(read.value.text(), "value");
  EXPECT_EQ(read.total_size, 9);
  ops.change = [&] { fs::resize_file(root_ + "/k", 6); };
  EXPECT_EQ(store->Read("k", {.range = ByteRange::Span(4, 9)}).Get().status().ToString(),
            "Unavailable: " + url_ + "k: ends at byte 6 of 26: it was truncated while it was read");
}

TEST_F(FileIoTest, LargeValuesAskForRoomFirst) {
  const KvStorePtr store = Make();
  EXPECT_TRUE(Put(*store, "small", std::string(kMiB - 1, 'v')).ok());
  EXPECT_EQ(CountCalls("Preallocate"), 0);
  EXPECT_TRUE(Put(*store, "k", std::string(kMiB, 'v')).ok());
  EXPECT_EQ(CountCalls("Preallocate"), 1);
  for (const int error : {-ENOSPC, -EDQUOT}) {
    ops_.Fail("Preallocate", error);
    ops_.TakeLog();
    EXPECT_EQ(Put(*store, "k", std::string(kMiB, 'w')).code(), StatusCode::kResourceExhausted);
    EXPECT_EQ(CountCalls("Write"), 0);  // Nothing was taken from a disk that cannot hold it all.
  }
  EXPECT_EQ(Get(*store, "k"), std::string(kMiB, 'v'));
  EXPECT_THAT(Files(), ElementsAre("k", "small"));
  for (const int error : {-EOPNOTSUPP, -EINVAL, -EIO, -EFBIG}) {  // Only a hint.
    ops_.Fail("Preallocate", error);
    EXPECT_TRUE(Put(*store, "k", std::string(kMiB, 'x')).ok());
  }
}

TEST_F(FileIoTest, StreamsAskForRoomAsTheyGrowAndGiveBackTheRest) {
  const KvStorePtr store = Make();
  const std::string text = Pattern(5 * kMiB + 123);
  EXPECT_TRUE(Stream(*store, "small", std::string(kMiB, 'v'), 100'000).ok());
  EXPECT_EQ(CountCalls("Preallocate"), 0);
  EXPECT_TRUE(Stream(*store, "k", text, 100'000).ok());
  const std::vector<std::string> log = ops_.TakeLog();
  const auto calls = std::count_if(log.begin(), log.end(), [](const std::string& line) {
    return line.starts_with("Preallocate");
  });
  if (GivesRoom()) {
    EXPECT_GE(calls, 3);  // 1, 2, 4 MiB.
    EXPECT_LE(calls, 4);
  }
  EXPECT_EQ(Get(*store, "k"), text);
  EXPECT_LE(BlocksOf("k"), static_cast<int64_t>(6 * kMiB));
  // A disk that has no such room may have enough for the value.
  ops_.FailForEver("Preallocate", -ENOSPC);
  EXPECT_TRUE(Stream(*store, "l", text, 100'000).ok());
  EXPECT_EQ(CountCalls("Preallocate"), 1);
  EXPECT_EQ(Get(*store, "l"), text);
}

/// False on the POSIX twin, and where the file system of the tests cannot.
bool CanWriteDirectly() {
  const TempDir dir;
  SystemFileOps ops;
  const int directory = ops.OpenDirectory(dir.path().c_str());
  const File closes(ops, directory);
  const File file(ops, ops.OpenAt(directory, "f", O_CREAT | O_RDWR, 0600));
  return ops.SetDirect(file.get(), true) == 0;
}

TEST_F(FileIoTest, DirectStreamsAreWhatWasAppended) {
  const KvStorePtr store = Make({.direct_streams = true});
  EXPECT_EQ(store->capabilities().stream_bytes, MiB(4));
  EXPECT_EQ(Make({})->capabilities().stream_bytes, 0);
  for (const size_t size :
       {size_t{0}, size_t{1}, 4 * kMiB - 1, 4 * kMiB, 4 * kMiB + 1, 12 * kMiB, 9 * kMiB + 4097}) {
    const std::string text = Pattern(size);
    ops_.TakeLog();
    EXPECT_TRUE(Stream(*store, "k", text, 1'000'003).ok());
    EXPECT_EQ(CountCalls("SetDirect on"), size >= 4 * kMiB ? 1 : 0) << size;
    EXPECT_TRUE(Get(*store, "k") == text) << size;
    EXPECT_EQ(fs::file_size(root_ + "/k"), size);
    EXPECT_THAT(Files(), ElementsAre("k"));
  }
  EXPECT_EQ(ops_.open_files(), 0);
}

TEST_F(FileIoTest, DirectStreamsGoOnThroughThePageCache) {
  if (!CanWriteDirectly()) GTEST_SKIP() << "no direct writes here";
  const KvStorePtr store = Make({.direct_streams = true});
  const std::string text = Pattern(10 * kMiB + 77);
  const auto check = [&] {
    EXPECT_TRUE(Stream(*store, "k", text, 3'000'000).ok());
    EXPECT_TRUE(Get(*store, "k") == text);
    ops_.Mend();
  };
  ops_.FailForEver("SetDirect on", -EINVAL);  // A file system that cannot.
  check();
  ops_.Fail("Write", -EINVAL);  // One that finds out late.
  check();
  ops_.Fail("Write", -EAGAIN, 1);
  check();
  ops_.write_max = kMiB + 512;  // Short writes that end amid a page.
  check();
}

TEST_F(FileIoTest, AFailingDirectStreamLeavesTheOldValue) {
  if (!CanWriteDirectly()) GTEST_SKIP() << "no direct writes here";
  const KvStorePtr store = Make({.direct_streams = true});
  EXPECT_TRUE(Put(*store, "k", "old").ok());
  const std::string text = Pattern(10 * kMiB + 77);
  for (const auto& [call, skip] : {std::pair("Write", 0), std::pair("Write", 1),
                                   std::pair("Write", 2), std::pair("SetDirect off", 0)}) {
    ops_.Fail(call, -ENOSPC, skip);
    EXPECT_EQ(Stream(*store, "k", text, 3'000'000).ToString(),
              "ResourceExhausted: " + url_ + "k: writing: No space left on device")
        << call << skip;
    EXPECT_EQ(Get(*store, "k"), "old");
    EXPECT_THAT(Files(), ElementsAre("k"));
    EXPECT_EQ(ops_.open_files(), 0);
  }
}

TEST_F(FileIoTest, AValueLargerThanMemoryIsRefusedByName) {
  const KvStorePtr store = Make();
  Plant("k", "");
  std::error_code error;
  fs::resize_file(root_ + "/k", INT64_MAX / 2, error);
  if (error) fs::resize_file(root_ + "/k", int64_t{1} << 43);
  const Status status = store->Read("k").Get().status();
  EXPECT_EQ(status.code(), StatusCode::kResourceExhausted);
  EXPECT_THAT(status.ToString(), ::testing::HasSubstr(url_ + "k: "));
  const auto size = static_cast<int64_t>(fs::file_size(root_ + "/k"));
  const Status ranges =
      store->ReadRanges("k", {ByteRange::Span(0, size), ByteRange::Span(5, size)}).Get().status();
  EXPECT_EQ(ranges.code(), StatusCode::kResourceExhausted);
  EXPECT_THAT(ranges.ToString(), ::testing::HasSubstr(url_ + "k: "));
}

}  // namespace
}  // namespace coffer
