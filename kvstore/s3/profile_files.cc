// 1. The text is split into lines; a byte that belongs into no such file ends it with an error.
// 2. A line is blank, a comment, the head of a section, the continuation of a setting (it stands
//    deeper than that), or a setting.
// 3. Settings of the wanted profile are kept by name; those of [default] and [profile default] are
//    kept apart until the end.
// 4. The text is zeroed when it has been read.
#include "kvstore/s3/profile_files.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "kvstore/s3/text.h"
#include "src/base/wipe.h"

namespace coffer::inline v0 {

namespace {

constexpr std::string_view kBlanks = " \t";

std::string_view TrimBlanks(std::string_view text) { return Trim(text, kBlanks); }

bool BeginsComment(char c) { return c == '#' || c == ';'; }

/// Without a comment that follows a blank.
std::string_view WithoutComment(std::string_view value) {
  for (size_t i = 0; i < value.size(); ++i) {
    const bool after_blank = i == 0 || kBlanks.find(value[i - 1]) != std::string_view::npos;
    if (after_blank && BeginsComment(value[i])) return TrimBlanks(value.substr(0, i));
  }
  return value;
}

class Parser {
 public:
  Parser(AwsFileKind kind, std::string_view file, std::string_view profile)
      : kind_(kind), file_(file), profile_(profile) {}

  Status TakeLine(std::string_view line) {
    ++line_number_;
    if (line.ends_with('\r')) line.remove_suffix(1);
    const auto unfit = [](char c) { return IsControl(c) && c != '\t'; };
    if (std::any_of(line.begin(), line.end(), unfit)) return Error("a control character");
    const std::string_view content = TrimBlanks(line);
    if (content.empty() || BeginsComment(content[0])) return Status();
    const auto indent = static_cast<size_t>(content.data() - line.data());
    if (in_setting_ && indent > indent_) return TakeContinuation();
    if (content[0] == '[') return TakeHead(content);
    indent_ = indent;
    return TakeSetting(content);
  }

  AwsProfileSection Finish() && { return std::move(prefixed_.found ? prefixed_ : plain_); }

 private:
  Status Error(std::string_view what) const {
    return InvalidArgumentError("file \"" + std::string(file_) + "\", line " +
                                std::to_string(line_number_) + ": " + std::string(what));
  }

  Status TakeHead(std::string_view content) {
    in_setting_ = false;
    in_section_ = true;
    section_ = nullptr;
    const size_t end = content.find(']');
    if (end == std::string_view::npos) return Error("expected \"]\" at the end of the section");
    const std::string_view rest = TrimBlanks(content.substr(end + 1));
    if (!rest.empty() && !BeginsComment(rest[0])) return Error("expected nothing behind \"]\"");
    std::string_view name = TrimBlanks(content.substr(1, end - 1));
    if (kind_ == AwsFileKind::kCredentials || name == "default") {
      if (name == profile_) section_ = &plain_;
    } else if (constexpr std::string_view kPrefix = "profile";
               name.starts_with(kPrefix) && name.size() > kPrefix.size() &&
               kBlanks.find(name[kPrefix.size()]) != std::string_view::npos) {
      name = TrimBlanks(name.substr(kPrefix.size()));
      const bool quoted =
          name.size() >= 2 && (name[0] == '"' || name[0] == '\'') && name.ends_with(name[0]);
      if (quoted) name = name.substr(1, name.size() - 2);
      if (name == profile_) section_ = &prefixed_;
    }
    if (section_ != nullptr) {
      section_->found = true;
      section_->line = line_number_;
    }
    return Status();
  }

  Status TakeSetting(std::string_view content) {
    if (!in_section_) return Error("expected a section such as [default] before the first setting");
    const size_t equals = content.find('=');
    if (equals == std::string_view::npos) return Error("expected name = value");
    const std::string name = LowerCase(TrimBlanks(content.substr(0, equals)));
    if (name.empty()) return Error("expected a name before \"=\"");
    in_setting_ = true;
    one_line_ =
        section_ != nullptr && Keep(name, WithoutComment(TrimBlanks(content.substr(equals + 1))));
    return Status();
  }

  /// Whether it is one of those we need.
  bool Keep(std::string_view name, std::string_view value) {
    if (name == "aws_access_key_id") {
      section_->access_key_id = value;
    } else if (name == "aws_secret_access_key") {
      section_->secret_access_key = Secret::Copy(value);
    } else if (name == "aws_session_token") {
      section_->session_token = Secret::Copy(value);
    } else if (name == "region") {
      section_->region = value;
    } else if (name == "endpoint_url") {
      section_->endpoint_url = value;
    } else {
      if (name == "role_arn") section_->role = true;
      constexpr std::string_view kWays[] = {"credential_process", "sso_session", "sso_start_url",
                                            "sso_account_id", "sso_role_name"};
      if (std::find(std::begin(kWays), std::end(kWays), name) != std::end(kWays)) {
        section_->other_ways = name;
      }
      return false;
    }
    return true;
  }

  Status TakeContinuation() const {
    if (one_line_) return Error("the value of the setting above goes on; expected one line");
    return Status();
  }

  const AwsFileKind kind_;
  const std::string_view file_;
  const std::string_view profile_;
  int line_number_ = 0;
  size_t indent_ = 0;
  bool in_section_ = false;
  bool in_setting_ = false;
  bool one_line_ = false;
  AwsProfileSection* section_ = nullptr;  // The wanted profile's, while in it.
  AwsProfileSection plain_;
  AwsProfileSection prefixed_;
};

/// "~/x" is in the home directory. "" if that is not known.
std::string FileName(const AwsEnvironment& environment, const std::string& variable,
                     const std::string& usual) {
  std::string name = environment.Variable(variable);
  if (name.empty()) name = "~/.aws/" + usual;
  if (!name.starts_with("~/")) return name;
  const std::string home = environment.Variable("HOME");
  return home.empty() ? "" : home + name.substr(1);
}

Result<AwsProfileSection> LoadSection(const AwsEnvironment& environment, AwsFileKind kind,
                                      const std::string& file, const std::string& profile) {
  if (file.empty()) return AwsProfileSection();
  COFFER_ASSIGN_OR_RETURN(std::optional<std::string> text,
                          environment.read_file(file, kProfileFileBytesMax));
  if (!text) return AwsProfileSection();
  const WipedAtEnd wiped(&*text);
  return ParseAwsFile(*text, kind, file, profile);
}

}  // namespace

Result<AwsProfileSection> ParseAwsFile(std::string_view text, AwsFileKind kind,
                                       std::string_view file, std::string_view profile) {
  if (text.size() > kProfileFileBytesMax) {
    return InvalidArgumentError("file \"" + std::string(file) + "\": larger than " +
                                std::to_string(kProfileFileBytesMax) + " bytes");
  }
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  Parser parser(kind, file, profile);
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    COFFER_RETURN_IF_ERROR(parser.TakeLine(text.substr(0, end)));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return std::move(parser).Finish();
}

Result<AwsProfile> LoadAwsProfile(const AwsEnvironment& environment, std::string_view name) {
  AwsProfile profile;
  profile.name = name;
  for (const std::string variable : {"AWS_PROFILE", "AWS_DEFAULT_PROFILE"}) {
    if (profile.name.empty()) profile.name = environment.Variable(variable);
  }
  profile.by_name = !profile.name.empty();
  if (!profile.by_name) profile.name = "default";
  profile.credentials_file = FileName(environment, "AWS_SHARED_CREDENTIALS_FILE", "credentials");
  profile.config_file = FileName(environment, "AWS_CONFIG_FILE", "config");
  COFFER_ASSIGN_OR_RETURN(profile.credentials, LoadSection(environment, AwsFileKind::kCredentials,
                                                           profile.credentials_file, profile.name));
  COFFER_ASSIGN_OR_RETURN(profile.config, LoadSection(environment, AwsFileKind::kConfig,
                                                      profile.config_file, profile.name));
  if (profile.by_name && !profile.found()) {
    return FailedPreconditionError("AWS profile \"" + profile.name + "\" is neither in \"" +
                                   profile.credentials_file + "\" nor in \"" + profile.config_file +
                                   "\"");
  }
  return profile;
}

Result<AwsSettings> ReadAwsSettings(const AwsEnvironment& environment, std::string_view profile) {
  AwsSettings settings;
  for (const std::string variable : {"AWS_REGION", "AWS_DEFAULT_REGION"}) {
    if (settings.region.empty()) settings.region = environment.Variable(variable);
  }
  const bool no_endpoint = environment.IsTrue("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS");
  if (!no_endpoint) {
    for (const std::string variable : {"AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"}) {
      if (settings.endpoint_url.empty()) settings.endpoint_url = environment.Variable(variable);
    }
  }
  if (!settings.region.empty() && (no_endpoint || !settings.endpoint_url.empty())) return settings;
  COFFER_ASSIGN_OR_RETURN(const AwsProfile loaded, LoadAwsProfile(environment, profile));
  for (const AwsProfileSection* section : {&loaded.credentials, &loaded.config}) {
    if (settings.region.empty()) settings.region = section->region;
    if (!no_endpoint && settings.endpoint_url.empty()) {
      settings.endpoint_url = section->endpoint_url;
    }
  }
  return settings;
}

}  // namespace coffer::inline v0
