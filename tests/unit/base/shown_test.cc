// Goal: no message that names a place tells a secret, and each still tells the place. Method:
// tables of URLs, paths and specs with what is shown of them; "CAN/ARY" and the like stand for
// secrets.
#include "src/base/shown.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>

namespace coffer::inline v0 {
namespace {

using Row = std::pair<std::string, std::string>;

TEST(ShownUrl, HasNoUserQueryOrFragment) {
  const Row urls[] = {{"http://h/a/b", "http://h/a/b"},
                      {"https://h:8/a?token=S", "https://h:8/a"},
                      {"http://h?S", "http://h"},
                      {"http://h#S", "http://h"},
                      {"http://S:S@h/a", "http://h/a"},
                      {"http://S@h", "http://h"},
                      {"http://S@S@h/a", "http://h/a"},
                      {"http://h/a@b", "http://h/a@b"},
                      {"http://h/a?x@S", "http://h/a"},
                      {"a/b?S", "a/b"},
                      {"//S:S@h/a", "//h/a"},
                      {"http://[::1]:8/a@b", "http://[::1]:8/a@b"},
                      {"http://h:8/a:b@c", "http://h:8/a:b@c"},
                      {"file:///a:b@c/x", "file:///a:b@c/x"},
                      {"", ""}};
  for (const auto& [url, shown] : urls) EXPECT_EQ(ShownUrl(url), shown) << url;
}

TEST(ShownUrl, HasNoUserOfWhichThePasswordHasSlashes) {
  const Row urls[] = {{"https://user:CAN/ARY@h/x", "https://h/x"},
                      {"https://user:CAN\\ARY@h/x", "https://h/x"},
                      {"https://user:C@N/ARY@h/x", "https://h/x"},
                      {"https://user:CAN?ARY@h/x", "https://user"},
                      {"https://user:CANARY%40h/x", "https://user"},
                      {"s3://AKIA:CAN/ARY@bucket/x", "s3://bucket/x"},
                      {"s3://AKIA:CAN/ARY@bucket:CANARY/x", "s3://bucket"},
                      {"http://h:CANARY/x", "http://h"},
                      {"http://h:123456/x", "http://h"},
                      {"s3://AKIA%3ACANARY%40bucket/x", "s3://AKIA"},
                      {"http://[::1]:CANARY/x", "http://[::1]"},
                      {"HTTPS:user:CANARY@h/x", "HTTPS:h/x"},
                      {"https:///user:CANARY@h/x", "https:///h/x"}};
  for (const auto& [url, shown] : urls) EXPECT_EQ(ShownUrl(url), shown) << url;
}

TEST(ShownPlace, IsAPathAsItStands) {
  for (const std::string path : {"a?b", "/a#b@c:d", "a|zip:b/", "..", "", "user:x@h/y", " a"}) {
    EXPECT_EQ(ShownPlace(path), path);
  }
}

TEST(ShownPlace, KeepsTheAdaptersOfAUrl) {
  const Row places[] = {{"http://S@h/a.zip?S|zip:b/|zarr3:", "http://h/a.zip|zip:b/|zarr3:"},
                        {"s3://b/a.zip|zip:b/", "s3://b/a.zip|zip:b/"},
                        {"http://h/a?CAN|ARY", "http://h/a"},
                        {"http://h/a?CAN|ARY|zip:b", "http://h/a|zip:b"},
                        {"http://h/a#CAN|ARY", "http://h/a"}};
  for (const auto& [place, shown] : places) EXPECT_EQ(ShownPlace(place), shown) << place;
}

TEST(ShownPlace, OfASpecSaysWhereItLeads) {
  const Row specs[] = {
      {R"({"driver":"http","base_url":"https://S@h/?S","path":"x?S","headers":["Authorization: S"]})",
       R"({"driver":"http","base_url":"https://h/","path":"x"})"},
      {R"( {"driver":"s3","bucket":"A:S/S@b","path":"p/","aws_credentials":{"secret":"S"}})",
       R"({"driver":"s3","bucket":"b","path":"p/"})"},
      {R"({"driver":"zarr3","kvstore":{"driver":"http","base_url":"h","headers":["S"]},"open":1})",
       R"({"driver":"zarr3","kvstore":{"driver":"http","base_url":"h"}})"},
      {R"({"driver":"zip","base":"http://h/a?S","path":["S"]})",
       R"({"driver":"zip","base":"http://h/a","path":"..."})"},
      {R"({"driver":"http","headers":["S"})", "{...}"},
      {"{", "{...}"}};
  for (const auto& [spec, shown] : specs) EXPECT_EQ(ShownPlace(spec), shown) << spec;
}

TEST(ShownServerText, IsOneShortLineWithoutLongWords) {
  EXPECT_EQ(ShownServerText("The key does not exist."), "The key does not exist.");
  EXPECT_EQ(ShownServerText("1234567890123456789 12345678901234567890"), "1234567890123456789 ...");
  // Of tokens, too, whose parts are short.
  EXPECT_EQ(ShownServerText("a: 550e8400-e29b-41d4-a716-446655440000, eyJh.bGciOi_J9~x.abc%20d"),
            "a: ..., ...");
  EXPECT_EQ(ShownServerText("a\r\nb\x7f\x01"
                            "c\td"),
            "a  b  c d");
  EXPECT_LE(ShownServerText(std::string(9000, ' ')).size(), 500u);
  EXPECT_EQ(ShownServerText(""), "");
}

}  // namespace
}  // namespace coffer::inline v0
