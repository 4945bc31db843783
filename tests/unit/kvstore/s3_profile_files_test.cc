// Goal: AWS's shared files are read as AWS's tools read them; what is malformed is refused by file
// and line, without a word of what stands there.
// Method: small files, exact texts; a canary in every place of a malformed file.
#include "kvstore/s3/profile_files.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <string>
#include <vector>

#include "tests/support/temp_dir.h"
#include "tests/unit/kvstore/fake_aws.h"

namespace coffer {
namespace {

/// "id/key/token region endpoint", with what else was found.
std::string Read(std::string_view text, AwsFileKind kind, std::string_view profile) {
  const Result<AwsProfileSection> section = ParseAwsFile(text, kind, "F", profile);
  if (!section.ok()) return section.status().ToString();
  if (!section->found) return "(none)";
  std::string shown = section->access_key_id + "/" +
                      std::string(section->secret_access_key.Reveal()) + "/" +
                      std::string(section->session_token.Reveal()) + " " + section->region + " " +
                      section->endpoint_url;
  if (section->role) shown += " role";
  return section->other_ways.empty() ? shown : shown + " " + section->other_ways;
}

std::string Credentials(std::string_view text, std::string_view profile = "default") {
  return Read(text, AwsFileKind::kCredentials, profile);
}
std::string Config(std::string_view text, std::string_view profile = "default") {
  return Read(text, AwsFileKind::kConfig, profile);
}

TEST(AwsFiles, OneProfileOfMany) {
  const std::string_view text =
      "[default]\n"
      "aws_access_key_id = A\n"
      "aws_secret_access_key=K=1\n"
      "\n"
      "[other one]\r\n"
      "  AWS_Access_Key_ID =  B  \r\n"
      "  aws_secret_access_key = L#2;3 # a comment\r\n"
      "  aws_session_token = T\r\n"
      "[third]\n";
  EXPECT_EQ(Credentials(text), "A/K=1/  ");
  EXPECT_EQ(Credentials(text, "other one"), "B/L#2;3/T  ");
  EXPECT_EQ(Credentials(text, "third"), "//  ");
  EXPECT_EQ(Credentials(text, "Default"), "(none)");
  EXPECT_EQ(Credentials(""), "(none)");
}

TEST(AwsFiles, HeadsOfConfig) {
  const std::string_view text =
      "\xef\xbb\xbf; first\n"
      "[profile a]\n"
      "region = one\n"
      "[a]\n"
      "region = not-this\n"
      "[ profile\t\"b c\" ] # head\n"
      "region = two\n"
      "[profiled]\n"
      "region = nor-this\n"
      "[sso-session a]\n"
      "sso_start_url = x\n"
      "[services a]\n"
      "s3 =\n"
      "  endpoint_url = http://nor-this\n"
      "[default]\n"
      "region = three";
  EXPECT_EQ(Config(text, "a"), "// one ");
  EXPECT_EQ(Config(text, "b c"), "// two ");
  EXPECT_EQ(Config(text, "profiled"), "(none)");
  EXPECT_EQ(Config(text, "services a"), "(none)");
  EXPECT_EQ(Config(text), "// three ");
  EXPECT_EQ(Config("[profile default]\nregion = b\n[default]\nregion = a\n"), "// b ");
  EXPECT_EQ(Config("[default]\nregion = a\n[profile default]\nregion = b\n"), "// b ");
}

TEST(AwsFiles, NestedSettingsAreSkipped) {
  EXPECT_EQ(Config("[default]\n"
                   "s3 =\n"
                   "    region = not-this\n"
                   "\n"
                   "  # comment\n"
                   "    addressing_style = path\n"
                   "    what is no setting\n"
                   "region = this\n"
                   "services = a\n"
                   "endpoint_url = http://h:1 ; comment\n"),
            "// this http://h:1");
  // As deep as the one before is no part of it.
  EXPECT_EQ(Config("[default]\n  s3 = x\n  region = this\n"), "// this ");
}

TEST(AwsFiles, LastOneCounts) {
  EXPECT_EQ(Credentials("[default]\naws_access_key_id=A\naws_access_key_id=B\n"
                        "[x]\n[default]\naws_secret_access_key=K\n"),
            "B/K/  ");
}

TEST(AwsFiles, OtherWaysAreNoticed) {
  EXPECT_EQ(Config("[default]\nrole_arn = x\nsource_profile = y\n"), "//   role");
  for (const std::string way :
       {"credential_process", "sso_session", "sso_start_url", "sso_account_id", "sso_role_name"}) {
    EXPECT_EQ(Config("[default]\n" + way + " = x\n"), "//   " + way);
  }
  EXPECT_EQ(Config("[default]\nsso_region = x\noutput = json\n"), "//  ");
}

TEST(AwsFiles, MalformedIsRefusedByLine) {
  const std::string file = "InvalidArgument: file \"F\", line ";
  EXPECT_EQ(Credentials("# c\naws_access_key_id = A\n"),
            file + "2: expected a section such as [default] before the first setting");
  EXPECT_EQ(Credentials("[default\n"), file + "1: expected \"]\" at the end of the section");
  EXPECT_EQ(Credentials("[default] x\n"), file + "1: expected nothing behind \"]\"");
  EXPECT_EQ(Credentials("[default]\n\nsome words\n"), file + "3: expected name = value");
  EXPECT_EQ(Credentials("[default]\n = x\n"), file + "2: expected a name before \"=\"");
  EXPECT_EQ(Credentials("[x]\na = b\x01\n"), file + "2: a control character");
  EXPECT_EQ(Credentials(std::string_view("[x]\n\0", 5)), file + "2: a control character");
  EXPECT_EQ(Credentials("[x]\ra = b\n"), file + "1: a control character");
  EXPECT_EQ(Credentials("[default]\naws_secret_access_key = K\n  L\n"),
            file + "3: the value of the setting above goes on; expected one line");
  EXPECT_EQ(Credentials("[other]\naws_secret_access_key = K\n  L\n[default]\n"), "//  ");
  EXPECT_EQ(Credentials(std::string(kProfileFileBytesMax, '\n')), "(none)");
  EXPECT_EQ(Credentials(std::string(kProfileFileBytesMax + 1, '\n')),
            "InvalidArgument: file \"F\": larger than 1048576 bytes");
}

// A secret that stands where something else should.
TEST(AwsFiles, ErrorsRepeatNothingOfTheFile) {
  const std::string canary = "CANARY0secret1value2";
  const std::vector<std::string> texts = {
      canary,
      canary + " = x",
      "[" + canary,
      "[x] " + canary,
      "[default]\n" + canary,
      "[default]\n= " + canary,
      "[default]\naws_secret_access_key = " + canary + "\x01",
      "[default]\naws_secret_access_key = " + canary + "\n " + canary};
  for (const std::string& text : texts) {
    for (const AwsFileKind kind : {AwsFileKind::kCredentials, AwsFileKind::kConfig}) {
      const Status status = ParseAwsFile(text, kind, "F", "default").status();
      EXPECT_EQ(status.code(), StatusCode::kInvalidArgument) << text;
      EXPECT_EQ(status.ToString().find(canary), std::string::npos) << status;
    }
  }
}

TEST(AwsProfiles, NamesOfFilesAndProfiles) {
  FakeAws aws;
  const AwsEnvironment environment = aws.Environment();
  AwsProfile profile = LoadAwsProfile(environment, "").OrDie();
  EXPECT_EQ(profile.name, "default");
  EXPECT_FALSE(profile.found());
  EXPECT_EQ(aws.read,
            (std::vector<std::string>{"/home/me/.aws/credentials", "/home/me/.aws/config"}));
  aws.variables["AWS_SHARED_CREDENTIALS_FILE"] = "~/x";
  aws.variables["AWS_CONFIG_FILE"] = "/y~/z";
  aws.files.insert({"/home/me/x", std::string("[p]\naws_access_key_id=A\n[q]\n[r]\n")});
  aws.files.insert({"/y~/z", std::string("[profile p]\nregion=R\n")});
  profile = LoadAwsProfile(environment, "p").OrDie();
  EXPECT_EQ(profile.credentials.access_key_id, "A");
  EXPECT_EQ(profile.config.region, "R");
  EXPECT_EQ(profile.credentials_file, "/home/me/x");
  EXPECT_EQ(profile.config_file, "/y~/z");
  aws.variables["AWS_DEFAULT_PROFILE"] = "q";
  EXPECT_EQ(LoadAwsProfile(environment, "").OrDie().name, "q");
  aws.variables["AWS_PROFILE"] = "r";
  EXPECT_EQ(LoadAwsProfile(environment, "").OrDie().name, "r");
  EXPECT_EQ(LoadAwsProfile(environment, "p").OrDie().name, "p");
  aws.variables["AWS_PROFILE"] = "nobody";
  EXPECT_EQ(LoadAwsProfile(environment, "").status().ToString(),
            "FailedPrecondition: AWS profile \"nobody\" is neither in \"/home/me/x\" nor in "
            "\"/y~/z\"");
  aws.read.clear();
  aws.variables = {};
  EXPECT_FALSE(LoadAwsProfile(environment, "").OrDie().found());
  EXPECT_TRUE(aws.read.empty()) << "no home, no files";
}

TEST(AwsProfiles, Settings) {
  FakeAws aws;
  const AwsEnvironment environment = aws.Environment();
  aws.files.insert(
      {"/home/me/.aws/config", std::string("[default]\nregion=C\nendpoint_url=http://c\n")});
  aws.files.insert({"/home/me/.aws/credentials", std::string("[default]\nregion=F\n")});
  const auto read = [&] {
    const AwsSettings settings = ReadAwsSettings(environment, "").OrDie();
    return settings.region + " " + settings.endpoint_url;
  };
  EXPECT_EQ(read(), "F http://c");
  aws.variables["AWS_DEFAULT_REGION"] = "D";
  EXPECT_EQ(read(), "D http://c");
  aws.variables["AWS_REGION"] = "E";
  aws.variables["AWS_ENDPOINT_URL"] = "http://e";
  aws.read.clear();
  EXPECT_EQ(read(), "E http://e");
  EXPECT_TRUE(aws.read.empty()) << "not needed";
  aws.variables["AWS_ENDPOINT_URL_S3"] = "http://s3";
  EXPECT_EQ(read(), "E http://s3");
  aws.variables["AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"] = "True";
  EXPECT_EQ(read(), "E ");
  aws.variables.erase("AWS_REGION");
  aws.variables.erase("AWS_DEFAULT_REGION");
  EXPECT_EQ(read(), "F ");
  aws.files.at("/home/me/.aws/config") = std::string("[default\n");
  EXPECT_EQ(ReadAwsSettings(environment, "").status().ToString(),
            "InvalidArgument: file \"/home/me/.aws/config\", line 1: expected \"]\" at the end of "
            "the section");
}

TEST(AwsEnvironment, ReadsFilesWithinBounds) {
  const TempDir dir;
  const AwsEnvironment environment = AwsEnvironment::OfProcess();
  std::ofstream(dir / "f") << "12345";
  EXPECT_EQ(environment.read_file(dir / "f", 5).OrDie(), "12345");
  EXPECT_EQ(environment.read_file(dir / "f", 4).status().ToString(),
            "ResourceExhausted: file \"" + (dir / "f") + "\": larger than 4 bytes");
  EXPECT_EQ(environment.read_file(dir / "g", 4).OrDie(), std::nullopt);
  EXPECT_EQ(environment.read_file(dir / "f/g", 4).OrDie(), std::nullopt);
  EXPECT_EQ(environment.read_file("/dev/null", 4).OrDie(), "");
  EXPECT_EQ(environment.read_file("/dev/zero", 4).status().code(), StatusCode::kResourceExhausted);
  ASSERT_EQ(mkfifo((dir / "pipe").c_str(), 0600), 0);
  for (const std::string name : {"pipe", "."}) {
    EXPECT_EQ(environment.read_file(dir / name, 4).status().ToString(),
              "InvalidArgument: file \"" + (dir / name) + "\": not a regular file");
  }
}

}  // namespace
}  // namespace coffer
