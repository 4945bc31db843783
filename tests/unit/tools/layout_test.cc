// Goal: any box of any layout is read and written exactly.
// Method: random arrays (rank 0 to 5, both orders, both byte orders, element sizes 1 to 24) in a
// file full of known bytes; boxes are compared with what index arithmetic, element by element,
// says. Large cases cross the bounce buffer and the limits of what gaps are read over.
#include "tools/formats/layout.h"

#include <algorithm>
#include <random>

#include "tests/unit/tools/formats_support.h"

namespace coffer::inline v0::formats {
namespace {

using ::testing::HasSubstr;

std::string RandomBytes(size_t size, std::mt19937& random) {
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random());
  return bytes;
}

// What a box must hold, from the whole file's bytes.
std::string Expected(const std::string& file, const ArrayLayout& layout, const Box& box) {
  std::string bytes;
  Index at = box.origin;
  int64_t swap = layout.swapped ? layout.data_type.swap_size() : 1;
  for (int64_t n = *NumElements(box.shape); n > 0; --n) {
    int64_t offset = layout.offset;
    for (int d = 0; d < at.rank(); ++d) offset += at[d] * layout.strides[d];
    std::string element =
        file.substr(static_cast<size_t>(offset), static_cast<size_t>(layout.data_type.size()));
    for (auto part = element.begin(); swap > 1 && part < element.end(); part += swap) {
      std::reverse(part, part + swap);
    }
    bytes += element;
    for (int d = at.rank() - 1; d >= 0 && ++at[d] == box.end(d); --d) at[d] = box.origin[d];
  }
  return bytes;
}

Box RandomBox(const Shape& shape, std::mt19937& random) {
  Box box = Box::Full(shape);
  for (int d = 0; d < shape.rank(); ++d) {
    box.origin[d] = std::uniform_int_distribution<int64_t>(0, shape[d])(random);
    box.shape[d] = std::uniform_int_distribution<int64_t>(0, shape[d] - box.origin[d])(random);
  }
  return box;
}

FileArray InFile(const std::string& bytes, const ArrayLayout& layout) {
  std::shared_ptr<File> file = File::Temporary("test").OrDie();
  file->WriteAt(0, AsBytes(bytes)).OrDie();
  return FileArray{"", file, layout};
}

TEST(LayoutTest, RandomBoxesOfRandomLayouts) {
  std::mt19937 random(1);
  const DataType types[] = {DataType::kUint8,      DataType::kInt16, DataType::kFloat64,
                            DataType::kComplex128, DataType::Raw(3), DataType::Raw(24)};
  for (int round = 0; round < 300; ++round) {
    std::vector<int64_t> shape(random() % 6);
    for (int64_t& extent : shape) extent = static_cast<int64_t>(1 + random() % 6);
    ArrayLayout layout =
        ArrayLayout::Make(types[random() % 6], shape, random() % 2 ? Order::kC : Order::kFortran,
                          static_cast<int64_t>(random() % 100))
            .OrDie();
    layout.swapped = random() % 2 != 0;
    std::string bytes = RandomBytes(static_cast<size_t>(layout.offset + layout.bytes), random);
    FileArray array = InFile(bytes, layout);
    EXPECT_EQ(ReadAllText(array), Expected(bytes, layout, Box::Full(layout.shape)));
    for (int i = 0; i < 5; ++i) {
      Box box = RandomBox(layout.shape, random);
      ASSERT_EQ(ReadBoxText(array, box), Expected(bytes, layout, box))
          << ToString(layout.shape) << " " << ToString(box);
    }
  }
}

TEST(LayoutTest, LargeBoxesCrossTheBounceBuffer) {
  std::mt19937 random(2);
  for (Order order : {Order::kC, Order::kFortran}) {
    const int64_t shape[] = {40, 300, 180};
    ArrayLayout layout = ArrayLayout::Make(DataType::kUint16, shape, order, 7).OrDie();
    std::string bytes = RandomBytes(static_cast<size_t>(layout.bytes + 7), random);
    FileArray array = InFile(bytes, layout);
    for (const Box& box :
         {Box::Full(layout.shape), Box::FromSize({0, 0, 3}, {40, 300, 1}),
          Box::FromSize({5, 1, 0}, {30, 299, 180}), Box::FromSize({0, 299, 0}, {40, 1, 180}),
          Box::FromSize({39, 0, 0}, {1, 300, 7})}) {
      ASSERT_TRUE(ReadBoxText(array, box) == Expected(bytes, layout, box)) << ToString(box);
    }
  }
}

TEST(LayoutTest, WritesOnlyTheBox) {
  std::mt19937 random(3);
  for (int round = 0; round < 200; ++round) {
    std::vector<int64_t> shape(random() % 5);
    for (int64_t& extent : shape) extent = static_cast<int64_t>(1 + random() % 7);
    ArrayLayout layout =
        ArrayLayout::Make(DataType::kUint32, shape, random() % 2 ? Order::kC : Order::kFortran, 5)
            .OrDie();
    std::string before = RandomBytes(static_cast<size_t>(layout.offset + layout.bytes), random);
    std::shared_ptr<File> file = File::Temporary("test").OrDie();
    file->WriteAt(0, AsBytes(before)).OrDie();
    Box box = RandomBox(layout.shape, random);
    std::string wanted = RandomBytes(static_cast<size_t>(*NumElements(box.shape) * 4), random);
    ConstView in(AsBytes(wanted).data(), DataType::kUint32, box.shape);
    ASSERT_TRUE(WriteBox(*file, layout, box, in).ok());
    std::string after(before.size(), '\0');
    file->ReadAt(0, {reinterpret_cast<std::byte*>(after.data()), after.size()}).OrDie();
    EXPECT_EQ(Expected(after, layout, box), wanted);
    // The rest is as it was: write the old box back and compare all.
    std::string old = Expected(before, layout, box);
    WriteBox(*file, layout, box, ConstView(AsBytes(old).data(), DataType::kUint32, box.shape))
        .OrDie();
    file->ReadAt(0, {reinterpret_cast<std::byte*>(after.data()), after.size()}).OrDie();
    EXPECT_EQ(after, before);
  }
}

TEST(LayoutTest, MakeChecksShapeAndSize) {
  auto error = [](std::vector<int64_t> shape) {
    return ArrayLayout::Make(DataType::kFloat64, shape, Order::kC, 64).status().ToString();
  };
  EXPECT_EQ(error({3, -1}), "InvalidArgument: shape [3, -1] has a negative extent");
  EXPECT_EQ(
      error({int64_t{1} << 40, int64_t{1} << 40}),
      "InvalidArgument: shape [1099511627776, 1099511627776] of float64 is more bytes than fit "
      "63 bits");
  EXPECT_EQ(
      error({INT64_MAX / 8}),
      "InvalidArgument: shape [1152921504606846975] of float64 is more bytes than fit 63 bits");
  EXPECT_EQ(error(std::vector<int64_t>(33, 1)), "InvalidArgument: rank 33 is above 32");
  EXPECT_EQ(error({int64_t{1} << 62, 0}), "OK");
}

TEST(LayoutTest, AFileThatShrinksIsDataLoss) {
  const int64_t shape[] = {100};
  ArrayLayout layout = ArrayLayout::Make(DataType::kUint8, shape, Order::kC, 0).OrDie();
  FileArray array = InFile(std::string(60, 'x'), layout);
  EXPECT_THAT(ReadAllText(array), HasSubstr("ends at byte 60, 40 bytes too early"));
}

TEST(UnpackTest, KeepsWhatIsAskedForAndReadsToTheEnd) {
  std::string stream = "0123456789";
  size_t at = 0;
  ByteReader reader = [&](std::span<std::byte> out) -> Result<size_t> {
    size_t n = std::min<size_t>({out.size(), size_t{3}, stream.size() - at});
    std::copy_n(AsBytes(stream).data() + at, n, out.data());
    at += n;
    return n;
  };
  std::shared_ptr<File> file = Unpack(AsBytes("ab"), reader, 6, "f").OrDie();
  EXPECT_EQ(at, 10u);
  EXPECT_EQ(file->size(), 6);
  std::string text(6, '\0');
  file->ReadAt(0, {reinterpret_cast<std::byte*>(text.data()), 6}).OrDie();
  EXPECT_EQ(text, "ab0123");
  at = 0;
  EXPECT_EQ(Unpack(AsBytes("ab"), reader, 13, "f").status().ToString(),
            "DataLoss: f: ends after 12 unpacked bytes; its header promises 13");
}

TEST(OutputFileTest, NothingShowsBeforeCommitOrWithoutIt) {
  ScratchFolder scratch;
  std::string path = scratch.Write("out", "old");
  {
    std::unique_ptr<OutputFile> output = OutputFile::Create(path).OrDie();
    output->file().WriteAt(0, AsBytes("new")).OrDie();
    EXPECT_EQ(ReadText(path), "old");
  }
  EXPECT_EQ(ReadText(path), "old");
  EXPECT_EQ(scratch.NumFiles(), 1u);
  std::unique_ptr<OutputFile> output = OutputFile::Create(path).OrDie();
  output->file().WriteAt(0, AsBytes("new")).OrDie();
  output->Commit().OrDie();
  EXPECT_EQ(ReadText(path), "new");
  EXPECT_EQ(scratch.NumFiles(), 1u);
}

TEST(OutputFileTest, ErrorsNameThePath) {
  ScratchFolder scratch;
  std::string folder = scratch.Path("");
  EXPECT_EQ(OutputFile::Create(folder).status().ToString(),
            "InvalidArgument: " + folder + ": is a directory");
  std::string path = scratch.Path("no/such/folder");
  EXPECT_EQ(OutputFile::Create(path).status().ToString(),
            "NotFound: " + path + ": cannot create: No such file or directory");
  EXPECT_EQ(File::Open(path).status().ToString(),
            "NotFound: " + path + ": cannot open: No such file or directory");
  EXPECT_EQ(File::Open(folder).status().ToString(),
            "InvalidArgument: " + folder + ": not a regular file");
}

}  // namespace
}  // namespace coffer::inline v0::formats
