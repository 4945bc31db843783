// FakeAws: variables, files, a clock and a metadata service, as a test wants them.
#ifndef COFFER_TESTS_UNIT_KVSTORE_FAKE_AWS_H_
#define COFFER_TESTS_UNIT_KVSTORE_FAKE_AWS_H_

#include <atomic>
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "coffer/async/executor.h"
#include "coffer/async/future.h"
#include "kvstore/s3/credentials.h"
#include "kvstore/s3/environment.h"

namespace coffer {

struct FakeAws {
  using Clock = std::chrono::system_clock;

  /// 2030-01-01 00:00:00.
  static Clock::time_point Start() {
    return std::chrono::sys_days(std::chrono::year(2030) / 1 / 1);
  }

  std::map<std::string, std::string> variables = {{"HOME", "/home/me"}};
  std::map<std::string, Result<std::string>> files;
  std::atomic<Clock::duration::rep> elapsed{0};  // Since Start().
  std::vector<std::string> read;                 // Files, in order.
  std::shared_ptr<Executor> executor = MakeThreadPool(2);

  void Pass(Clock::duration time) { elapsed += time.count(); }

  AwsEnvironment Environment() {
    return {[this](const std::string& name) -> std::optional<std::string> {
              const auto found = variables.find(name);
              if (found == variables.end()) return std::nullopt;
              return found->second;
            },
            [this](const std::string& path, size_t) -> Result<std::optional<std::string>> {
              read.push_back(path);
              const auto found = files.find(path);
              if (found == files.end()) return std::optional<std::string>();
              if (!found->second.ok()) return found->second.status();
              return std::optional<std::string>(*found->second);
            },
            [this] { return Start() + Clock::duration(elapsed.load()); }};
  }

  CredentialsProviderPtr Provider(const std::string& profile = "", HttpFetch fetch = nullptr) {
    CredentialsOptions options;
    options.profile = profile;
    options.fetch = std::move(fetch);
    options.executor = executor;
    options.environment = Environment();
    return MakeAwsCredentials(std::move(options)).OrDie();
  }
};

/// "AKID/KEY/TOKEN", or the error.
inline std::string Shown(const Result<std::shared_ptr<const AwsCredentials>>& got) {
  if (!got.ok()) return got.status().ToString();
  return (*got)->access_key_id + "/" + std::string((*got)->secret_access_key.Reveal()) + "/" +
         std::string((*got)->session_token.Reveal());
}
inline std::string Shown(CredentialsProvider& provider) { return Shown(provider.Get().Get()); }

/// Answers in the order they were added; keeps what was asked.
class FakeMetadata {
 public:
  using Answer = Result<HttpAnswer>;

  HttpFetch fetch() {
    return [this](HttpAsk ask) {
      asked.push_back(ask);
      Answer answer = UnavailableError("nobody there");
      if (next_ < answers.size()) answer = answers[next_++];
      return Future<HttpAnswer>::Ready(std::move(answer));
    };
  }

  /// The three answers of a working service.
  void Serve(const std::string& id, const std::string& expiration) {
    answers.push_back(HttpAnswer{200, "imds-token\n"});
    answers.push_back(HttpAnswer{200, "my-role\n"});
    answers.push_back(HttpAnswer{
        200, R"({"Code": "Success", "LastUpdated": "2029-12-31T23:00:00Z", "Type": "AWS-HMAC",)"
             R"( "AccessKeyId": ")" +
                 id +
                 R"(", "SecretAccessKey": "key", "Token": "token",)"
                 R"( "Expiration": ")" +
                 expiration + R"("})"});
  }

  std::vector<Answer> answers;
  std::vector<HttpAsk> asked;

 private:
  size_t next_ = 0;
};

}  // namespace coffer

#endif  // COFFER_TESTS_UNIT_KVSTORE_FAKE_AWS_H_
