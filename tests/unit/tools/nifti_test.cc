// Goal: NIfTI files are read as nibabel shows them (unscaled), damaged ones are refused by name,
// and pictures are valid PNG. Method: tests/data/formats/ (made by nibabel; every byte known from a
// formula), single header fields changed, gzip streams cut, flipped and extended; pictures decoded
// by libpng.
#include "tools/formats/nifti.h"

#include <png.h>

#include <cmath>
#include <cstring>

#include "tests/support/gzip.h"
#include "tests/unit/tools/formats_support.h"
#include "tools/formats/png.h"

namespace coffer::inline v0::formats {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

const Shape kShape = {2, 3, 4};

TEST(NiftiTest, ReadsVersionsByteOrdersAndGzip) {
  const std::pair<const char*, DataType> cases[] = {{"int16.nii", DataType::kInt16},
                                                    {"int16.nii.gz", DataType::kInt16},
                                                    {"big_float32.nii", DataType::kFloat32},
                                                    {"version2.nii", DataType::kUint16},
                                                    {"rgb.nii", DataType::Raw(3)}};
  for (const auto& [name, type] : cases) {
    FileArray array = OpenOnly(DataFile(name));
    EXPECT_EQ(array.layout.data_type, type) << name;
    EXPECT_EQ(array.layout.shape, kShape) << name;
    EXPECT_EQ(array.layout.strides[0], type.size()) << name;
    EXPECT_EQ(ReadAllText(array), Pattern(type, kShape)) << name;
  }
}

TEST(NiftiTest, KeepsWhatTheHeaderSaysAsAttributes) {
  FileArray array = OpenOnly(DataFile("int16.nii.gz"));
  EXPECT_EQ(array.attributes.Dump(),
            R"({"nifti":{"version":1,"pixdim":[1.0,1.5,2.0,2.5],"xyzt_units":0,)"
            R"("scl_slope":1.0,"scl_inter":0.0,"qform_code":0,"sform_code":2,)"
            R"("quatern_offset":[0.0,0.0,0.0,0.0,0.0,0.0],)"
            R"("srow":[1.5,0.0,0.0,0.0,0.0,2.0,0.0,0.0,0.0,0.0,2.5,0.0],)"
            R"("descrip":"made by nibabel"}})");
}

template <class T>
std::string With(std::string file, size_t offset, T value) {
  std::memcpy(file.data() + offset, &value, sizeof(T));
  return file;
}

TEST(NiftiTest, MalformedHeaders) {
  ScratchFolder scratch;
  const std::string good = ReadText(DataFile("int16.nii"));
  const std::pair<std::string, std::string> cases[] = {
      {With<int16_t>(good, 40, 0), "InvalidArgument: f: NIfTI dim[0] is 0, expected 1 to 7"},
      {With<int16_t>(good, 40, 8), "InvalidArgument: f: NIfTI dim[0] is 8, expected 1 to 7"},
      {With<int16_t>(good, 44, -3), "InvalidArgument: f: NIfTI dim[2] is -3"},
      {With<int16_t>(good, 44, 32767),
       "DataLoss: f: shape [2, 32767, 4] of int16 needs 524272 bytes from byte 352 on, but the "
       "file "
       "has 400"},
      {With<int16_t>(good, 70, 1), "InvalidArgument: f: NIfTI data type 1 is not supported"},
      {With<int16_t>(good, 72, 8),
       "InvalidArgument: f: NIfTI data type 4 has 16 bits, but bitpix is 8"},
      {With<float>(good, 108, 348),
       "InvalidArgument: f: NIfTI vox_offset 348 lies within the header"},
      {With<float>(good, 108, 352.5F), "InvalidArgument: f: NIfTI vox_offset is no byte position"},
      {With<float>(good, 108, NAN), "InvalidArgument: f: NIfTI vox_offset is no byte position"},
      {With<float>(good, 108, 1e30F), "InvalidArgument: f: NIfTI vox_offset is no byte position"},
      {With<char>(good, 345, 'i'),
       "InvalidArgument: f: a NIfTI header without its image (.hdr and .img) is not supported"},
      {With<char>(good, 344, 'x'), "InvalidArgument: f: no NIfTI magic in the header"},
      {good.substr(0, 347),
       "InvalidArgument: f: not a NIfTI file (its header is neither 348 nor 540 bytes long)"},
      {good.substr(0, 399),
       "DataLoss: f: shape [2, 3, 4] of int16 needs 48 bytes from byte 352 on, but the file has "
       "399"},
  };
  for (const auto& [file, error] : cases) {
    EXPECT_EQ(OpenError(scratch.Write("f", file)), error);
  }
  const std::string two = ReadText(DataFile("version2.nii"));
  EXPECT_EQ(OpenError(scratch.Write("f", With<int64_t>(two, 24, int64_t{1} << 50))),
            "DataLoss: f: shape [1125899906842624, 3, 4] of uint16 needs 27021597764222976 bytes "
            "from byte 544 on, but the file has 592");
  EXPECT_EQ(
      OpenError(scratch.Write("f", With<int64_t>(two, 24, int64_t{1} << 62))),
      "InvalidArgument: f: shape [4611686018427387904, 3, 4] of uint16 is more bytes than fit "
      "63 bits");
  EXPECT_EQ(OpenError(scratch.Write("f", With<int64_t>(two, 168, -1))),
            "InvalidArgument: f: NIfTI vox_offset -1 lies within the header");
}

std::string Gzip(std::string_view text) {
  const std::vector<std::byte> out = testing::ZlibGzip(AsBytes(text));
  return {reinterpret_cast<const char*>(out.data()), out.size()};
}

TEST(GzipTest, MembersFollowEachOther) {
  ScratchFolder scratch;
  std::string whole = ReadText(DataFile("int16.nii"));
  std::string parts = Gzip(whole.substr(0, 100)) + Gzip("") + Gzip(whole.substr(100));
  EXPECT_EQ(ReadAllText(OpenOnly(scratch.Write("f", parts))), Pattern(DataType::kInt16, kShape));
}

TEST(GzipTest, LargeStreamsAndBytesAfterTheArray) {
  ScratchFolder scratch;
  std::string header = ReadText(DataFile("int16.nii")).substr(0, 352);
  header = With<int16_t>(header, 42, 500);
  header = With<int16_t>(header, 44, 300);
  header = With<int16_t>(header, 46, 5);
  std::string data = Pattern(DataType::kInt16, {300, 500, 5});
  FileArray array = OpenOnly(scratch.Write("f", Gzip(header + data + std::string(5000000, 'x'))));
  EXPECT_EQ(array.file->size(), std::ssize(header + data));
  std::string first = ReadBoxText(array, Box::FromSize({0, 0, 0}, {500, 1, 1}));
  EXPECT_TRUE(first == data.substr(0, 1000));
}

TEST(GzipTest, DamagedStreams) {
  ScratchFolder scratch;
  const std::string good = ReadText(DataFile("int16.nii.gz"));
  EXPECT_EQ(OpenError(scratch.Write("f", good)), "OK");
  for (size_t size = 2; size < good.size(); ++size) {
    ASSERT_EQ(OpenError(scratch.Write("f", good.substr(0, size))),
              "DataLoss: f: the gzip stream ends too early")
        << size;
  }
  for (size_t at = 10; at < good.size(); ++at) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 4);
    Result<ArrayFile> file = OpenArrayFile(scratch.Write("f", bad));
    // Bytes 10 to the name's end are the name of the file, which no checksum covers.
    if (file.ok()) {
      ASSERT_EQ(ReadAllText(file->get(0).OrDie()), Pattern(DataType::kInt16, kShape)) << at;
    } else {
      ASSERT_EQ(file.status().code(), StatusCode::kDataLoss) << at << file.status();
    }
  }
  EXPECT_THAT(OpenError(scratch.Write("f", good + "xx")),
              StartsWith("DataLoss: f: damaged gzip stream"));
  std::string claims = ReadText(DataFile("version2.nii"));
  EXPECT_EQ(OpenError(scratch.Write("f", Gzip(With<int64_t>(claims, 24, int64_t{1} << 50)))),
            "DataLoss: f: ends after 592 unpacked bytes; its header promises 27021597764223520");
}

// Decodes with libpng; returns "WxH@bits:" and the rows' bytes.
std::string DecodePng(const std::string& path) {
  FILE* file = fopen(path.c_str(), "rb");
  png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
  png_infop info = png_create_info_struct(png);
  png_init_io(png, file);
  png_read_png(png, info, PNG_TRANSFORM_SWAP_ENDIAN, nullptr);
  std::string text = std::to_string(png_get_image_width(png, info)) + "x" +
                     std::to_string(png_get_image_height(png, info)) + "@" +
                     std::to_string(png_get_bit_depth(png, info)) + ":";
  for (png_uint_32 row = 0; row < png_get_image_height(png, info); ++row) {
    text.append(reinterpret_cast<char*>(png_get_rows(png, info)[row]), png_get_rowbytes(png, info));
  }
  png_destroy_read_struct(&png, &info, nullptr);
  fclose(file);
  return text;
}

TEST(PngTest, PicturesDecodeToWhatWasWritten) {
  ScratchFolder scratch;
  for (DataType type : {DataType::kUint8, DataType::kUint16}) {
    std::string bytes = Pattern(type, {3, 5});
    std::string path = scratch.Path("out.png");
    std::unique_ptr<OutputFile> output = OutputFile::Create(path).OrDie();
    WritePng(ConstView(AsBytes(bytes).data(), type, {3, 5}), *output).OrDie();
    output->Commit().OrDie();
    EXPECT_EQ(DecodePng(path), "5x3@" + std::to_string(8 * type.size()) + ":" + bytes);
  }
}

TEST(PngTest, TurnedViews) {
  ScratchFolder scratch;
  std::string bytes = Pattern(DataType::kUint8, {2, 3});
  std::string path = scratch.Path("out.png");
  std::unique_ptr<OutputFile> output = OutputFile::Create(path).OrDie();
  const int turned[] = {1, 0};
  ConstView view(AsBytes(bytes).data(), DataType::kUint8, {2, 3});
  WritePng(view.Transposed(turned), *output).OrDie();
  output->Commit().OrDie();
  EXPECT_EQ(DecodePng(path), std::string("2x3@8:") + bytes[0] + bytes[3] + bytes[1] + bytes[4] +
                                 bytes[2] + bytes[5]);
}

TEST(PngTest, RefusesWhatIsNoPicture) {
  ScratchFolder scratch;
  std::unique_ptr<OutputFile> output = OutputFile::Create(scratch.Path("out.png")).OrDie();
  EXPECT_EQ(WritePng(ConstView(nullptr, DataType::kFloat32, {3, 5}), *output).ToString(),
            "InvalidArgument: a PNG picture is a uint8 or uint16 array of rank 2, not float32 [3, "
            "5]");
  EXPECT_EQ(WritePng(ConstView(nullptr, DataType::kUint8, {0, 5}), *output).ToString(),
            "InvalidArgument: a PNG picture has sides of 1 to 65535, not [0, 5]");
  EXPECT_EQ(WritePng(ConstView(nullptr, DataType::kUint8, {5, 65536}), *output).ToString(),
            "InvalidArgument: a PNG picture has sides of 1 to 65535, not [5, 65536]");
}

}  // namespace
}  // namespace coffer::inline v0::formats
