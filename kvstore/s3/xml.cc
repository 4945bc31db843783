#include "kvstore/s3/xml.h"

#include <expat.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "kvstore/s3/text.h"
#include "src/base/json.h"
#include "src/base/shown.h"
#include "src/kvstore/url.h"
#include "src/net/http.h"

namespace coffer::inline v0 {

namespace {

constexpr size_t kDepthMax = 16;
constexpr size_t kTextMax = 64 * 1024;

/// What expat's callbacks share.
struct Parsing {
  XML_Parser parser;
  const std::function<Status(std::string_view)>& begin;
  const std::function<Status(std::string_view, std::string_view)>& end;
  std::string path;
  std::vector<size_t> lengths = {};  // Of the path before each open element.
  std::string text = {};             // Of the innermost element.
  Status status = {};

  void Stop(Status why) {
    if (status.ok()) status = std::move(why);
    XML_StopParser(parser, XML_FALSE);
  }

  static void OnBegin(void* self, const char* name, const char** /*attributes*/) {
    auto& parsing = *static_cast<Parsing*>(self);
    if (!parsing.status.ok()) return;
    if (parsing.lengths.size() == kDepthMax) {
      return parsing.Stop(DataLossError("XML deeper than " + std::to_string(kDepthMax)));
    }
    parsing.lengths.push_back(parsing.path.size());
    if (!parsing.path.empty()) parsing.path += '/';
    parsing.path += std::string_view(name).substr(0, kTextMax);
    parsing.text.clear();
    if (Status status = parsing.begin(parsing.path); !status.ok()) parsing.Stop(std::move(status));
  }

  static void OnEnd(void* self, const char* /*name*/) {
    auto& parsing = *static_cast<Parsing*>(self);
    if (!parsing.status.ok()) return;
    if (Status status = parsing.end(parsing.path, parsing.text); !status.ok()) {
      return parsing.Stop(std::move(status));
    }
    parsing.path.resize(parsing.lengths.back());
    parsing.lengths.pop_back();
    parsing.text.clear();
  }

  static void OnText(void* self, const char* data, int size) {
    auto& parsing = *static_cast<Parsing*>(self);
    if (!parsing.status.ok()) return;
    if (parsing.text.size() + static_cast<size_t>(size) > kTextMax) {
      return parsing.Stop(
          DataLossError("XML text longer than " + std::to_string(kTextMax) + " bytes"));
    }
    parsing.text.append(data, static_cast<size_t>(size));
  }

  static void OnDoctype(void* self, const char*, const char*, const char*, int) {
    static_cast<Parsing*>(self)->Stop(DataLossError("XML with a document type"));
  }
};

}  // namespace

Status ParseXml(std::string_view text, const std::function<Status(std::string_view)>& begin,
                const std::function<Status(std::string_view, std::string_view)>& end) {
  const std::unique_ptr<XML_ParserStruct, void (*)(XML_Parser)> parser(XML_ParserCreate("UTF-8"),
                                                                       XML_ParserFree);
  if (parser == nullptr) return ResourceExhaustedError("no memory to parse XML");
  if (text.size() > INT32_MAX) return DataLossError("XML of more than 2 GiB");
  Parsing parsing{parser.get(), begin, end, ""};
  XML_SetUserData(parser.get(), &parsing);
  XML_SetElementHandler(parser.get(), Parsing::OnBegin, Parsing::OnEnd);
  XML_SetCharacterDataHandler(parser.get(), Parsing::OnText);
  XML_SetStartDoctypeDeclHandler(parser.get(), Parsing::OnDoctype);
  const XML_Status parsed =
      XML_Parse(parser.get(), text.data(), static_cast<int>(text.size()), XML_TRUE);
  COFFER_RETURN_IF_ERROR(parsing.status);
  if (parsed == XML_STATUS_OK) return Status();
  return DataLossError(
      "XML: " + std::string(XML_ErrorString(XML_GetErrorCode(parser.get()))) + " at byte " +
      std::to_string(std::max<XML_Index>(XML_GetCurrentByteIndex(parser.get()), 0)));
}

namespace {

/// What encoding-type=url does to keys: a form's encoding, in which "+" is a space.
Result<std::string> DecodeFormText(std::string text) {
  std::replace(text.begin(), text.end(), '+', ' ');
  std::optional<std::string> decoded = PercentDecode(text);
  if (!decoded) {
    return DataLossError("XML: a key \"" + ShownServerText(text.substr(0, 100)) +
                         "\" that is not URL-encoded");
  }
  return *std::move(decoded);
}

Status Nothing(std::string_view /*path*/) { return Status(); }

/// What follows the root's name, if the root has the right one.
Result<std::string_view> Below(std::string_view path, std::string_view root) {
  if (path.substr(0, root.size()) != root ||
      (path.size() > root.size() && path[root.size()] != '/')) {
    return DataLossError("XML: expected <" + std::string(root) + ">, not <" +
                         ShownServerText(path.substr(0, 100)) + ">");
  }
  return path.substr(std::min(root.size() + 1, path.size()));
}

Result<bool> ReadBool(std::string_view text) {
  if (text == "true") return true;
  if (text == "false") return false;
  return DataLossError("XML: expected true or false, not \"" +
                       ShownServerText(text.substr(0, 100)) + "\"");
}

/// The text of one element below a root.
Result<std::string> ParseOne(std::string_view text, std::string_view root, std::string_view name) {
  std::optional<std::string> found;
  COFFER_RETURN_IF_ERROR(
      ParseXml(text, Nothing, [&](std::string_view path, std::string_view value) -> Status {
        COFFER_ASSIGN_OR_RETURN(const std::string_view below, Below(path, root));
        if (below == name) found = std::string(value);
        return Status();
      }));
  if (!found || found->empty()) {
    return DataLossError("XML: <" + std::string(root) + "> without <" + std::string(name) + ">");
  }
  return *std::move(found);
}

}  // namespace

std::string S3CodeText(std::string_view text) {
  const bool fits = text.size() <= 64 && std::all_of(text.begin(), text.end(), IsAlphanumeric);
  return fits ? std::string(text) : "";
}

S3Error ParseS3Error(std::string_view text) {
  S3Error error;
  const Status parsed =
      ParseXml(text, Nothing, [&](std::string_view path, std::string_view value) -> Status {
        COFFER_ASSIGN_OR_RETURN(const std::string_view below, Below(path, "Error"));
        if (below == "Code") error.code = S3CodeText(value);
        if (below == "Message") error.message = ShownServerText(value);
        if (below == "Region") error.region = std::string(value.substr(0, 100));
        return Status();
      });
  return parsed.ok() ? error : S3Error();
}

Result<S3ListPage> ParseS3ListPage(std::string_view text) {
  S3ListPage page;
  bool url_encoded = false;
  ListEntry entry;
  COFFER_RETURN_IF_ERROR(ParseXml(
      text,
      [&](std::string_view path) -> Status {
        if (path == "ListBucketResult/Contents") entry = ListEntry();
        return Status();
      },
      [&](std::string_view path, std::string_view value) -> Status {
        COFFER_ASSIGN_OR_RETURN(const std::string_view below, Below(path, "ListBucketResult"));
        if (below == "Contents/Key" || below == "CommonPrefixes/Prefix") {
          entry.key = std::string(value);
        }
        if (below == "Contents/Size") {
          const std::optional<int64_t> size = ParseDecimal(value);
          if (!size) {
            return DataLossError("XML: a size \"" + ShownServerText(value.substr(0, 100)) + "\"");
          }
          entry.size = *size;
        } else if (below == "Contents") {
          if (entry.key.empty()) return DataLossError("XML: <Contents> without <Key>");
          page.entries.push_back(std::move(entry));
        } else if (below == "CommonPrefixes/Prefix") {
          if (entry.key.empty()) return DataLossError("XML: an empty <Prefix>");
          page.entries.push_back({std::move(entry.key)});
        } else if (below == "IsTruncated") {
          COFFER_ASSIGN_OR_RETURN(page.truncated, ReadBool(value));
        } else if (below == "NextContinuationToken") {
          page.next_token = std::string(value);
        } else if (below == "EncodingType") {
          url_encoded = value == "url";
        }
        return Status();
      }));
  if (page.truncated && page.next_token.empty()) {
    return DataLossError("XML: a list that goes on, without <NextContinuationToken>");
  }
  if (!url_encoded) return page;
  for (ListEntry& listed : page.entries) {
    COFFER_ASSIGN_OR_RETURN(listed.key, DecodeFormText(listed.key));
  }
  return page;
}

Result<std::string> ParseS3UploadCreated(std::string_view text) {
  return ParseOne(text, "InitiateMultipartUploadResult", "UploadId");
}

Result<std::string> ParseS3UploadCompleted(std::string_view text) {
  return ParseOne(text, "CompleteMultipartUploadResult", "ETag");
}

Result<std::vector<S3DeleteFailure>> ParseS3DeleteResult(std::string_view text) {
  std::vector<S3DeleteFailure> failures;
  COFFER_RETURN_IF_ERROR(ParseXml(
      text,
      [&](std::string_view path) -> Status {
        if (path == "DeleteResult/Error") failures.emplace_back();
        return Status();
      },
      [&](std::string_view path, std::string_view value) -> Status {
        COFFER_ASSIGN_OR_RETURN(const std::string_view below, Below(path, "DeleteResult"));
        if (below == "Error/Key") failures.back().key = std::string(value);
        if (below == "Error/Code") failures.back().code = S3CodeText(value);
        if (below == "Error/Message") failures.back().message = ShownServerText(value);
        return Status();
      }));
  return failures;
}

Result<S3UploadPage> ParseS3UploadPage(std::string_view text) {
  S3UploadPage page;
  bool url_encoded = false;
  COFFER_RETURN_IF_ERROR(ParseXml(
      text,
      [&](std::string_view path) -> Status {
        if (path == "ListMultipartUploadsResult/Upload") page.uploads.emplace_back();
        return Status();
      },
      [&](std::string_view path, std::string_view value) -> Status {
        COFFER_ASSIGN_OR_RETURN(const std::string_view below,
                                Below(path, "ListMultipartUploadsResult"));
        if (below == "Upload/Key") page.uploads.back().key = std::string(value);
        if (below == "Upload/UploadId") page.uploads.back().id = std::string(value);
        if (below == "Upload/Initiated") page.uploads.back().initiated = std::string(value);
        if (below == "Upload" &&
            (page.uploads.back().key.empty() || page.uploads.back().id.empty())) {
          return DataLossError("XML: <Upload> without <Key> or <UploadId>");
        }
        if (below == "NextKeyMarker") page.next_key = std::string(value);
        if (below == "NextUploadIdMarker") page.next_id = std::string(value);
        if (below == "EncodingType") url_encoded = value == "url";
        if (below == "IsTruncated") {
          COFFER_ASSIGN_OR_RETURN(page.truncated, ReadBool(value));
        }
        return Status();
      }));
  if (!url_encoded) return page;
  COFFER_ASSIGN_OR_RETURN(page.next_key, DecodeFormText(page.next_key));
  for (S3ListedUpload& upload : page.uploads) {
    COFFER_ASSIGN_OR_RETURN(upload.key, DecodeFormText(upload.key));
  }
  return page;
}

std::optional<std::string> EscapeXml(std::string_view text) {
  if (!IsUtf8(text)) return std::nullopt;
  for (const std::string_view none : {"\xEF\xBF\xBE", "\xEF\xBF\xBF"}) {  // U+FFFE, U+FFFF
    if (text.find(none) != std::string_view::npos) return std::nullopt;
  }
  std::string escaped;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 && c != '\t' && c != '\n' && c != '\r') return std::nullopt;
    if (c == '&') {
      escaped += "&amp;";
    } else if (c == '<') {
      escaped += "&lt;";
    } else if (c == '>') {
      escaped += "&gt;";
    } else if (c == '\t' || c == '\n' || c == '\r') {
      escaped += "&#" + std::to_string(static_cast<int>(byte)) + ";";
    } else {
      escaped += c;
    }
  }
  return escaped;
}

}  // namespace coffer::inline v0
