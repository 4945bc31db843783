// A range is listed by the prefix that its ends share, from just before its beginning on: S3 knows
// only "after a key", so keys that come before are dropped here, as are those behind the end. A
// server that gives the same continuation twice would never end: that is an error.
//
// MinIO has no key with NUL or with a segment that is empty, "." or "..", and refuses to list a
// prefix of that kind: there is nothing then. It also refuses one that ends with "." or "..", or
// within a character, which may be the beginning of a segment: so that is not asked for.
#include "kvstore/s3/listing.h"

#include <algorithm>
#include <bit>
#include <deque>
#include <utility>

#include "kvstore/s3/abilities.h"
#include "src/base/json.h"

namespace coffer::inline v0 {

namespace {

constexpr size_t kPageMax = 1000;      // S3's own limits.
constexpr size_t kKeyBytesMax = 1000;  // 1024, with room for kLastCharacter.
constexpr int64_t kPageBytesMax = MiB(16);
constexpr std::string_view kLastCharacter = "\xF4\x8F\xBF\xBF";  // U+10FFFF

/// Without an unfinished character at its end; nothing, if there are other bytes that are no UTF-8.
std::string WholeCharacters(std::string text) {
  while (!text.empty() && !IsUtf8(text)) text.pop_back();
  return text;
}

/// A key that is less than `begin`, with as little as can be between.
std::string KeyBefore(std::string_view begin) {
  if (begin.empty()) return "";
  const auto last = static_cast<unsigned char>(begin.back());
  std::string before(begin.substr(0, begin.size() - 1));
  if (last > 0x20 && last < 0x7F) {
    before.push_back(static_cast<char>(last - 1));
    before += kLastCharacter;
  }
  return WholeCharacters(std::move(before));
}

/// The keys' prefix as the server is asked for it: all that is in the range, and maybe more.
std::string PrefixToAsk(const KeyRange& range) {
  std::string prefix = CommonPrefix(range);
  const size_t last = prefix.rfind('/') + 1;  // npos + 1 is 0.
  const std::string_view segment = std::string_view(prefix).substr(last);
  if (segment == "." || segment == "..") prefix.resize(last);
  return prefix;
}

/// Whether the server says that no key can have this prefix.
bool IsPrefixOfNothing(const HttpResponse& answer, std::string_view prefix) {
  const std::string code = ParseS3Error(answer.body.text()).code;
  if (code != "XMinioInvalidObjectName" && code != "XMinioInvalidResourceName") return false;
  if (prefix.find('\0') != prefix.npos) return true;
  for (size_t begin = 0, end = 0; (end = prefix.find('/', begin)) != prefix.npos; begin = end + 1) {
    const std::string_view segment = prefix.substr(begin, end - begin);
    if (segment.empty() || segment == "." || segment == "..") return true;
  }
  return false;
}

class ListState : public std::enable_shared_from_this<ListState> {
 public:
  ListState(std::shared_ptr<S3Bucket> bucket, ListOptions options, Probes probes)
      : bucket_(std::move(bucket)),
        options_(std::move(options)),
        prefix_(PrefixToAsk(options_.range)),
        shows_probes_(probes == Probes::kShown),
        folds_(options_.fold && KeyRange::Prefix(options_.range.begin) == options_.range),
        done_(!options_.range.end.empty() && options_.range.end <= options_.range.begin) {}

  Future<std::vector<ListEntry>> Next() {
    if (done_) return Future<std::vector<ListEntry>>::Ready(std::vector<ListEntry>());
    bucket_->context().stats().read_requests += 1;
    return bucket_->Send(Request()).Then(
        [self = shared_from_this()](const Result<HttpResponse>& answer) {
          Result<std::vector<ListEntry>> page = self->TakePage(answer);
          if (!page.ok()) {
            return Future<std::vector<ListEntry>>::Ready(
                page.status().Annotate(self->bucket_->Describe(self->options_.range.begin)));
          }
          if (page->empty() && !self->done_) return self->Next();
          return Future<std::vector<ListEntry>>::Ready(std::move(page));
        });
  }

 private:
  S3Request Request() const {
    S3Request request;
    const size_t page = std::clamp<size_t>(options_.page_size, 1, kPageMax);
    request.query = {{"list-type", "2"},
                     {"encoding-type", "url"},
                     {"max-keys", std::to_string(page)},
                     {"prefix", prefix_}};
    if (folds_) request.query.emplace_back("delimiter", "/");
    const std::string before =
        folds_ ? "" : KeyBefore(std::string_view(options_.range.begin).substr(0, kKeyBytesMax));
    if (!token_.empty()) {
      request.query.emplace_back("continuation-token", token_);
    } else if (before > prefix_) {
      request.query.emplace_back("start-after", before);
    }
    request.headers = bucket_->Headers();
    request.answer_max_bytes = kPageBytesMax;
    return request;
  }

  Result<std::vector<ListEntry>> TakePage(const Result<HttpResponse>& answer) {
    COFFER_RETURN_IF_ERROR(answer.status());
    if (IsPrefixOfNothing(*answer, prefix_)) {
      done_ = true;
      return std::vector<ListEntry>();
    }
    if (!answer->ok()) return S3Bucket::ErrorOf(*answer, "listing");
    bucket_->seen = true;
    COFFER_ASSIGN_OR_RETURN(S3ListPage page, ParseS3ListPage(answer->body.text()));
    if (page.truncated && page.next_token == milestone_) {
      return DataLossError("the server gives the same pages of the list again and again");
    }
    done_ = !page.truncated;
    token_ = std::move(page.next_token);
    if (std::has_single_bit(++pages_)) milestone_ = token_;
    std::erase_if(page.entries, [&](const ListEntry& entry) {
      return !options_.range.Contains(entry.key) || (!shows_probes_ && IsProbeKey(entry.key));
    });
    return std::move(page.entries);
  }

  const std::shared_ptr<S3Bucket> bucket_;
  const ListOptions options_;
  const std::string prefix_;
  const bool shows_probes_;
  const bool folds_;
  // One call of Next() at a time.
  bool done_;
  std::string token_;
  // The token of page 1, 2, 4, 8 ...: any circle comes by it again (Brent).
  std::string milestone_;
  size_t pages_ = 0;
};

class S3Listing final : public KvListing {
 public:
  explicit S3Listing(std::shared_ptr<ListState> state) : state_(std::move(state)) {}
  Future<std::vector<ListEntry>> Next() override { return state_->Next(); }

 private:
  const std::shared_ptr<ListState> state_;
};

/// Deletes page after page of a listing.
class Deleting : public std::enable_shared_from_this<Deleting> {
 public:
  Deleting(std::shared_ptr<S3Bucket> bucket, std::shared_ptr<ListState> listing)
      : bucket_(std::move(bucket)), listing_(std::move(listing)) {}

  Future<void> Next() {
    return listing_->Next().Then(
        [self = shared_from_this()](const Result<std::vector<ListEntry>>& page) {
          if (!page.ok()) return Future<void>::Ready(page.status());
          if (page->empty()) return Future<void>::Ready(Status());
          return self->Delete(*page);
        });
  }

 private:
  Future<void> Delete(const std::vector<ListEntry>& page) {
    std::string xml = "<Delete><Quiet>true</Quiet>";
    std::string first;
    for (const ListEntry& entry : page) {
      if (const std::optional<std::string> key = EscapeXml(entry.key)) {
        xml += "<Object><Key>" + *key + "</Key></Object>";
        if (first.empty()) first = entry.key;
      } else {
        odd_.push_back(entry.key);
      }
    }
    xml += "</Delete>";
    if (first.empty()) return DeleteOdd();
    S3Request request;
    request.method = "POST";
    request.query = {{"delete", ""}};
    request.headers = bucket_->Headers();
    request.body = Bytes::Take(std::move(xml));
    request.checks_body = true;
    request.error_in_success = true;
    bucket_->context().stats().write_requests += 1;
    return bucket_->Send(std::move(request))
        .Then([self = shared_from_this(), first](const Result<HttpResponse>& answer) {
          const Status status = self->TakeAnswer(answer, first);
          return status.ok() ? self->DeleteOdd() : Future<void>::Ready(status);
        });
  }

  Status TakeAnswer(const Result<HttpResponse>& answer, const std::string& first) const {
    COFFER_RETURN_IF_ERROR(answer.status());
    const std::string name = bucket_->Describe(first);
    if (!answer->ok()) return S3Bucket::ErrorOf(*answer, name);
    const Result<std::vector<S3DeleteFailure>> failures = ParseS3DeleteResult(answer->body.text());
    if (!failures.ok()) return failures.status().Annotate(name);
    for (const S3DeleteFailure& failure : *failures) {
      if (failure.code == "NoSuchKey") continue;
      const std::string text = bucket_->Describe(failure.key) + ": not deleted: " + failure.code +
                               ": " + failure.message;
      return failure.code == "AccessDenied" ? PermissionDeniedError(text) : UnavailableError(text);
    }
    return Status();
  }

  /// Keys that XML cannot hold, one by one.
  Future<void> DeleteOdd() {
    if (odd_.empty()) return Next();
    const std::string key = std::move(odd_.front());
    odd_.pop_front();
    return bucket_->Send(DeleteRequest(*bucket_, key))
        .Then([self = shared_from_this(), key](const Result<HttpResponse>& answer) {
          if (!answer.ok()) return Future<void>::Ready(answer.status());
          if (!answer->ok() && answer->status != 404) {
            return Future<void>::Ready(S3Bucket::ErrorOf(*answer, self->bucket_->Describe(key)));
          }
          return self->DeleteOdd();
        });
  }

  const std::shared_ptr<S3Bucket> bucket_;
  const std::shared_ptr<ListState> listing_;
  std::deque<std::string> odd_;  // One step follows the other.
};

}  // namespace

std::string CommonPrefix(const KeyRange& range) {
  // Of a prefix's range the end differs in its last byte, by one: what they share is less.
  std::string prefix = range.begin;
  if (KeyRange::Prefix(range.begin) != range) {
    const auto [at, other] =
        std::mismatch(range.begin.begin(), range.begin.end(), range.end.begin(), range.end.end());
    prefix.erase(at - range.begin.begin());
  }
  return WholeCharacters(prefix.substr(0, kKeyBytesMax));
}

S3Request DeleteRequest(const S3Bucket& bucket, std::string key) {
  S3Request request;
  request.method = "DELETE";
  request.key = std::move(key);
  request.headers = bucket.Headers();
  return request;
}

std::unique_ptr<KvListing> ListS3(std::shared_ptr<S3Bucket> bucket, ListOptions options,
                                  Probes probes) {
  return std::make_unique<S3Listing>(
      std::make_shared<ListState>(std::move(bucket), std::move(options), probes));
}

Future<void> DeleteS3Range(std::shared_ptr<S3Bucket> bucket, KeyRange range) {
  auto listing =
      std::make_shared<ListState>(bucket, ListOptions{.range = std::move(range)}, Probes::kHidden);
  return std::make_shared<Deleting>(std::move(bucket), std::move(listing))->Next();
}

}  // namespace coffer::inline v0
