// Goal: the directory of every form of zip archive is understood as Python's zipfile means it, and
// no archive, whatever it claims, gives more than an error.
// Method: archives that zipfile wrote (tests/data/make_zips.py), and ones of our own in which one
// field is changed; the texts of the errors are exact.
#include "kvstore/zip/directory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <string>

#include "tests/support/zip_writer.h"

namespace coffer {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string Repeated(const std::string& text, int count) {
  std::string all;
  for (int i = 0; i < count; ++i) all += text;
  return all;
}

std::string AllBytes() {
  std::string all;
  for (int i = 0; i < 256; ++i) all.push_back(static_cast<char>(i));
  return all;
}

/// As if read from an archive.
Result<ZipDirectoryPtr> Parse(const std::string& archive) {
  const size_t size = std::min<size_t>(archive.size(), kZipTailBytes);
  COFFER_ASSIGN_OR_RETURN(const ZipEnd end, FindZipEnd(AsBytes(archive).last(size),
                                                       static_cast<int64_t>(archive.size())));
  return ZipDirectory::Parse(
      Bytes::Copy(AsBytes(archive).subspan(static_cast<size_t>(end.directory_begin),
                                           static_cast<size_t>(end.directory_size))),
      end);
}

/// What is stored for a member.
Result<std::string> Stored(const std::string& archive, const std::string& name) {
  COFFER_ASSIGN_OR_RETURN(const ZipDirectoryPtr directory, Parse(archive));
  const ZipDirectory::Entry* const entry = directory->Find(name);
  if (entry == nullptr) return NotFoundError(name);
  COFFER_RETURN_IF_ERROR(directory->CheckReadable(*entry));
  COFFER_ASSIGN_OR_RETURN(
      const int64_t begin,
      directory->FindData(*entry,
                          AsBytes(archive).subspan(static_cast<size_t>(entry->header_begin))));
  EXPECT_EQ(directory->data_begin(*entry), begin);
  return archive.substr(static_cast<size_t>(begin), static_cast<size_t>(entry->stored_size));
}

std::string ErrorOf(const std::string& archive, const std::string& name = "k") {
  return Stored(archive, name).status().ToString();
}

/// The archive with `with` at the place that is `at` bytes behind the `count`-th `magic`.
std::string Changed(std::string archive, std::string_view magic, size_t at, std::string_view with,
                    int count = 1) {
  size_t found = archive.find(magic);
  while (--count > 0) found = archive.find(magic, found + 1);
  return archive.replace(found + at, with.size(), with);
}

constexpr std::string_view kLocal("PK\3\4");
constexpr std::string_view kEntry("PK\1\2");
constexpr std::string_view kEnd("PK\5\6");
constexpr std::string_view kEnd64("PK\6\6");
constexpr std::string_view kLocator("PK\6\7");
const std::string kMax16(2, '\xff');
const std::string kMax32(4, '\xff');
const std::string kMax64(8, '\xff');

/// Members "j" and "k" of 5 bytes.
std::string Two(const ZipForm& form = {}) {
  return MakeZip({MakeZipMember("j", "first", false), MakeZipMember("k", "other", false)}, form);
}

TEST(ZipDirectory, ReadsWhatPythonWrites) {
  const std::map<std::string, std::string> members = {
      {"zarr.json", "{}"}, {"c/0/0", Repeated("the first chunk ", 8)},
      {"c/0/1", ""},       {"\xc3\xbc\xe2\x82\xac", "\xc3\xbc\xe2\x82\xac"},
      {"raw", AllBytes()},
  };
  for (const char* name :
       {"stored", "zip64", "zip64_members", "comment", "stream", "prefix_counted", "prefix_stored",
        "prefix_zip64", "twice", "deflated", "stream_deflated"}) {
    std::ifstream file(std::string(COFFER_TESTS_DATA) + "/zips/" + name + ".zip", std::ios::binary);
    const std::string archive((std::istreambuf_iterator<char>(file)), {});
    const ZipDirectoryPtr directory = Parse(archive).OrDie();
    EXPECT_EQ(directory->entries().size(), members.size()) << name;  // The folder is none.
    for (const auto& [key, value] : members) {
      const ZipDirectory::Entry* const entry = directory->Find(key);
      ASSERT_NE(entry, nullptr) << name << " " << key;
      EXPECT_EQ(entry->size, static_cast<int64_t>(value.size())) << name << " " << key;
      EXPECT_EQ(entry->crc32, MakeZipMember(key, value, false).crc32) << name << " " << key;
      const Result<std::string> stored = Stored(archive, key);
      ASSERT_TRUE(stored.ok()) << name << " " << key << " " << stored.status();
      EXPECT_TRUE(entry->deflated() || *stored == value) << name << " " << key;
    }
  }
}

TEST(ZipDirectory, ReadsEveryFormOfOurs) {
  for (const bool zip64 : {false, true}) {
    for (const bool descriptors : {false, true}) {
      for (const size_t prefix : {0, 1, 100'000}) {
        for (const size_t comment : {0, 1, 65'535}) {
          const std::string archive = Two({.zip64 = zip64,
                                           .descriptors = descriptors,
                                           .prefix = std::string(prefix, 'P'),
                                           .comment = std::string(comment, 'C')});
          EXPECT_EQ(Stored(archive, "j").OrDie(), "first");
          EXPECT_EQ(Stored(archive, "k").OrDie(), "other");
        }
      }
    }
  }
  EXPECT_EQ(Parse(MakeZip({})).OrDie()->entries().size(), 0u);
  EXPECT_EQ(Parse(MakeZip({}, {.zip64 = true})).OrDie()->entries().size(), 0u);
}

TEST(ZipDirectory, SortsByNameAndKeepsTheLastOfOneName) {
  const ZipDirectoryPtr directory =
      Parse(MakeZip({MakeZipMember("b", "1", false), MakeZipMember("a/", "", false),
                     MakeZipMember("\xff", "3", false), MakeZipMember("b", "22", false),
                     MakeZipMember("a/x", "5", false), MakeZipMember("", "6", false)}))
          .OrDie();
  std::vector<std::string> names;
  for (const auto& entry : directory->entries()) names.emplace_back(directory->name(entry));
  EXPECT_THAT(names, ElementsAre("", "a/x", "b", "\xff"));
  EXPECT_EQ(directory->Find("b")->size, 2);
  EXPECT_EQ(directory->Find("a/"), nullptr);
  EXPECT_EQ(directory->Find("c"), nullptr);
  EXPECT_EQ(directory->LowerBound("a/"), 1u);
  EXPECT_EQ(directory->LowerBound("c"), 3u);
}

TEST(ZipDirectory, TheEndIsTheOneWhoseCommentEndsTheArchive) {
  // An end record of its own in the comment, whose comment would be too long or too short.
  const std::string fake = std::string(kEnd) + std::string(16, '\0') + "\1" + std::string(1, '\0');
  EXPECT_EQ(Stored(Two({.comment = fake}), "k").OrDie(), "other");
  EXPECT_EQ(Stored(Two({.comment = fake + "xy"}), "k").OrDie(), "other");
}

TEST(ZipDirectory, RefusesWhatIsNoArchive) {
  const std::string none =
      "DataLoss: no zip archive: it does not end with an end record and its comment";
  EXPECT_EQ(ErrorOf(""), none);
  EXPECT_EQ(ErrorOf(std::string(21, 'P')), none);
  EXPECT_EQ(ErrorOf(std::string(100'000, '\0')), none);
  const std::string archive = Two();
  EXPECT_EQ(ErrorOf(archive + "x"), none);
  for (size_t size = 0; size < archive.size(); ++size) {
    EXPECT_EQ(ErrorOf(archive.substr(0, size)), none) << size;
  }
}

TEST(ZipDirectory, RefusesDirectoriesThatLie) {
  const std::string archive = Two();
  const std::string damaged = "DataLoss: damaged zip archive: ";
  const auto counted = [&](std::string_view count) {
    return ErrorOf(Changed(Changed(archive, kEnd, 8, count), kEnd, 10, count));
  };
  EXPECT_EQ(counted(std::string_view("\3\0", 2)),
            damaged + "3 members do not fit in a directory of 94 bytes");
  EXPECT_EQ(counted(kMax16), damaged + "65535 members do not fit in a directory of 94 bytes");
  EXPECT_EQ(counted(std::string_view("\1\0", 2)),
            damaged + "its directory has 47 bytes behind the 1 members that it is to have");
  EXPECT_EQ(ErrorOf(Changed(archive, kEnd, 12, "\xfe\xff\xff\xff")),
            damaged + "a directory of 4294967294 bytes at 72 does not lie before its end at 166");
  EXPECT_EQ(ErrorOf(Changed(archive, kEnd, 16, kMax32)),
            damaged + "a directory of 94 bytes at 4294967295 does not lie before its end at 166");
  EXPECT_EQ(ErrorOf(Changed(archive, kEnd, 12, "\x5d")), damaged + "directory entry at 0 is none");
  EXPECT_EQ(ErrorOf(Changed(archive, kEntry, 0, "pk", 2)),
            damaged + "directory entry at 47 is none");
  for (const size_t length : {28, 30, 32}) {  // Of name, extra field, comment.
    EXPECT_EQ(ErrorOf(Changed(archive, kEntry, length, kMax16, 2)),
              damaged + "directory entry at 47 is cut short");
    EXPECT_THAT(ErrorOf(Changed(archive, kEntry, length, "\x30")), HasSubstr(damaged));
  }
  EXPECT_EQ(ErrorOf(Changed(archive, kEnd, 4, "\1")),
            "Unimplemented: a zip archive of several disks is not supported");
  EXPECT_EQ(ErrorOf(Changed(archive, kEnd, 8, "\1")),
            "Unimplemented: a zip archive of several disks is not supported");
}

TEST(ZipDirectory, RefusesZip64EndsThatLie) {
  const std::string archive = Two({.zip64 = true});
  const std::string damaged = "DataLoss: damaged zip archive: ";
  const std::string lost = damaged + "its zip64 end record is not where the locator says";
  EXPECT_EQ(ErrorOf(Changed(archive, kEnd64, 0, "pk")), lost);
  for (const std::string& size : {std::string("\x2d"), kMax64, std::string(8, '\0')}) {
    EXPECT_EQ(ErrorOf(Changed(archive, kEnd64, 4, size)), lost);
  }
  // Where the locator leads elsewhere, the record before it counts, as if there were a prefix.
  for (const std::string& place : {kMax64, std::string(8, '\0'), std::string("\xff\xff\0\0", 4)}) {
    EXPECT_EQ(Stored(Changed(archive, kLocator, 8, place), "k").OrDie(), "other");
  }
  const std::string huge = "\xff\xff\xff\xff\xff\xff\xff\x7f";
  for (const std::string& number : {kMax64, huge}) {
    EXPECT_THAT(ErrorOf(Changed(archive, kEnd64, 40, number)),
                HasSubstr(" does not lie before its end at "));
    EXPECT_THAT(ErrorOf(Changed(archive, kEnd64, 48, number)),
                HasSubstr(" does not lie before its end at "));
    EXPECT_THAT(ErrorOf(Changed(Changed(archive, kEnd64, 24, number), kEnd64, 32, number)),
                ::testing::AnyOf(HasSubstr(" do not fit in a directory of "),
                                 HasSubstr("ResourceExhausted: a zip directory of ")));
  }
  EXPECT_EQ(ErrorOf(Changed(archive, kEnd, 16, std::string(4, '\0'))),
            damaged + "its two end records disagree");
  // What it has room for may stand in both.
  EXPECT_EQ(Stored(Changed(archive, kEnd, 8, std::string_view("\2\0\2\0", 4)), "k").OrDie(),
            "other");
}

TEST(ZipDirectory, LimitsDirectories) {
  // 65 MiB before an end that says that they are the directory.
  ZipForm form = {.zip64 = true};
  const std::string end = MakeZip({}, form);
  std::string archive(size_t{65} << 20, '\0');
  archive += end;
  const std::string size = {0, 0, 0x10, 4, 0, 0, 0, 0};
  EXPECT_EQ(ErrorOf(Changed(archive, kEnd64, 40, size)),
            "ResourceExhausted: a zip directory of 68157440 bytes and 0 members; at most 67108864 "
            "and 4194304 are read");
}

TEST(ZipDirectory, MembersThatLieFailAlone) {
  const std::string archive = Two();
  const std::string damaged = "DataLoss: damaged zip archive: ";
  const auto of_k = [&](size_t at, std::string_view with) {
    const std::string changed = Changed(archive, kEntry, at, with, 2);
    EXPECT_TRUE(Parse(changed).ok()) << at;
    return ErrorOf(changed);
  };
  EXPECT_EQ(of_k(8, "\1"), "Unimplemented: encrypted zip members are not supported");
  EXPECT_EQ(of_k(8, "\x40"), "Unimplemented: encrypted zip members are not supported");
  EXPECT_EQ(of_k(10, "\x0c"),
            "Unimplemented: zip compression method 12 (bzip2) is not supported (0, stored, and 8, "
            "deflated, are)");
  EXPECT_EQ(
      of_k(10, "\x4d"),
      "Unimplemented: zip compression method 77 is not supported (0, stored, and 8, deflated, "
      "are)");
  EXPECT_EQ(
      of_k(8, "\x20"),
      "Unimplemented: zip compression method 0 as a patch is not supported (0, stored, and 8, "
      "deflated, are)");
  EXPECT_EQ(of_k(34, "\1"), "Unimplemented: a zip member on another disk is not supported");
  EXPECT_EQ(of_k(20, "\6"), damaged + "the member's 6 bytes overlap what comes next");
  EXPECT_EQ(of_k(20, "\xfe\xff\xff\xff"),
            damaged + "the member's 4294967294 bytes overlap what comes next");
  EXPECT_EQ(of_k(20, "\4"), damaged + "the member cannot have 5 bytes, stored in 4");
  EXPECT_EQ(of_k(24, "\4"), damaged + "the member cannot have 4 bytes, stored in 5");
  for (const size_t number : {20, 24, 42}) {  // All ones, and no zip64 field has more.
    EXPECT_EQ(of_k(number, kMax32), damaged + "the member lies outside it") << number;
  }
  EXPECT_EQ(of_k(42, "\x48"), damaged + "the member lies outside it");
  EXPECT_EQ(of_k(42, "\x47"), damaged + "the member's 5 bytes overlap what comes next");
  EXPECT_EQ(of_k(42, "\x22"), damaged + "no member begins where the directory says");
  EXPECT_EQ(of_k(42, std::string_view("\0", 1)),
            damaged + "the member's 5 bytes overlap what comes next");
  EXPECT_EQ(of_k(46, "l"), "NotFound: k");
}

TEST(ZipDirectory, MembersThatOverlapAreAllRefused) {
  const std::string overlap =
      "DataLoss: damaged zip archive: the member's 5 bytes overlap what "
      "comes next";
  // Both begin where the first does.
  std::string archive = Changed(Two(), kEntry, 42, std::string_view("\0", 1), 2);
  EXPECT_EQ(ErrorOf(archive, "j"), overlap);
  EXPECT_EQ(ErrorOf(archive, "k"), overlap);
  // The second begins within the first's data.
  archive = Changed(Two(), kEntry, 42, "\x20", 2);
  EXPECT_EQ(ErrorOf(archive, "j"), overlap);
}

TEST(ZipDirectory, Zip64FieldsOfMembersThatLie) {
  const std::string archive = Two({.zip64 = true});
  const std::string outside = "DataLoss: damaged zip archive: the member lies outside it";
  // The field: id, size, value's size, stored size, offset; behind header and name.
  constexpr size_t kField = 47;
  for (const size_t number : {4, 12, 20}) {
    EXPECT_EQ(ErrorOf(Changed(archive, kEntry, kField + number, kMax64, 2)), outside) << number;
  }
  EXPECT_EQ(ErrorOf(Changed(archive, kEntry, kField + 20, "\xff\xff\xff\xff\xff\xff\xff\x7f", 2)),
            outside);
  EXPECT_EQ(ErrorOf(Changed(archive, kEntry, kField, "\2", 2)), outside);
  EXPECT_EQ(ErrorOf(Changed(archive, kEntry, kField + 2, "\x17", 2)), outside);
  EXPECT_EQ(ErrorOf(Changed(archive, kEntry, kField + 2, kMax16, 2)), outside);
  EXPECT_EQ(ErrorOf(Changed(archive, kEntry, kField + 12, "\xff\xff\xff\xff\xff\xff\xff\x7f", 2)),
            "DataLoss: damaged zip archive: the member's 9223372036854775807 bytes overlap what "
            "comes next");
}

TEST(ZipDirectory, DeflateCannotMakeMoreThanItsRatio) {
  const std::string value(100'000, 'z');
  const ZipMember honest = MakeZipMember("k", value, true);
  EXPECT_EQ(Stored(MakeZip({honest}), "k").OrDie(), honest.stored);
  ZipMember bomb = honest;
  bomb.size = static_cast<int64_t>(bomb.stored.size()) * 1032;
  EXPECT_TRUE(Stored(MakeZip({bomb}), "k").ok());
  ++bomb.size;
  EXPECT_THAT(ErrorOf(MakeZip({bomb})),
              HasSubstr("DataLoss: damaged zip archive: the member cannot "
                        "have "));
  bomb.size = INT64_MAX;
  EXPECT_THAT(ErrorOf(MakeZip({bomb}, {.zip64 = true})), HasSubstr(" cannot have 92233720368547"));
}

TEST(ZipDirectory, LocalHeadersMustAgree) {
  const std::string archive = Two();
  const std::string another =
      "DataLoss: damaged zip archive: the member's own header is another than the directory's";
  EXPECT_EQ(ErrorOf(Changed(archive, kLocal, 0, "pk", 2)),
            "DataLoss: damaged zip archive: no member begins where the directory says");
  EXPECT_EQ(ErrorOf(Changed(archive, kLocal, 6, "\1", 2)), another);
  EXPECT_EQ(ErrorOf(Changed(archive, kLocal, 8, "\x08", 2)), another);
  EXPECT_EQ(ErrorOf(Changed(archive, kLocal, 26, "\2", 2)), another);
  EXPECT_EQ(ErrorOf(Changed(archive, kLocal, 30, "l", 2)), another);
  EXPECT_EQ(ErrorOf(Changed(archive, kLocal, 28, "\1", 2)),
            "DataLoss: damaged zip archive: the member's 5 bytes overlap what comes next");
  EXPECT_EQ(Stored(Changed(archive, kLocal, 28, kMax16), "k").OrDie(), "other");
}

}  // namespace
}  // namespace coffer
