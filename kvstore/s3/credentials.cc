#include "kvstore/s3/credentials.h"

#include <algorithm>
#include <string_view>

#include "kvstore/s3/credentials_source.h"
#include "kvstore/s3/profile_files.h"
#include "kvstore/s3/text.h"
#include "src/base/mutex.h"

namespace coffer::inline v0 {

CredentialsProvider::~CredentialsProvider() = default;
CredentialsSource::~CredentialsSource() = default;

namespace {

using CredentialsPtr = std::shared_ptr<const AwsCredentials>;

Future<SourceAnswer> None(std::string why) {
  return Future<SourceAnswer>::Ready(SourceAnswer{nullptr, std::move(why)});
}

Future<SourceAnswer> Found(AwsCredentials credentials, std::string_view where) {
  const Status status = CheckCredentials(credentials, where);
  if (!status.ok()) return Future<SourceAnswer>::Ready(status);
  return Future<SourceAnswer>::Ready(
      SourceAnswer{std::make_shared<const AwsCredentials>(std::move(credentials)), ""});
}

std::string Where(const std::string& file, int line, const std::string& profile) {
  return "file \"" + file + "\", line " + std::to_string(line) + ": " + profile;
}

class FixedProvider final : public CredentialsProvider {
 public:
  FixedProvider(AwsCredentials credentials, std::string name, std::shared_ptr<Executor> executor)
      : credentials_(std::make_shared<const AwsCredentials>(std::move(credentials))),
        name_(std::move(name)),
        executor_(std::move(executor)) {}
  Future<CredentialsPtr> Get() override {
    const Promise<CredentialsPtr> promise(executor_);  // Then() is to continue on this executor.
    promise.Set(credentials_);
    return promise.future();
  }
  void Invalidate(const AwsCredentials&) override {}
  std::string Describe() const override { return name_; }

 private:
  const CredentialsPtr credentials_;
  const std::string name_;
  const std::shared_ptr<Executor> executor_;
};

class EnvironmentSource final : public CredentialsSource {
 public:
  explicit EnvironmentSource(const AwsEnvironment& environment) : environment_(environment) {}

  Future<SourceAnswer> Fetch() override {
    AwsCredentials found;
    found.access_key_id = environment_.Variable("AWS_ACCESS_KEY_ID");
    found.secret_access_key = Secret(environment_.Variable("AWS_SECRET_ACCESS_KEY"));
    found.session_token = Secret(environment_.Variable("AWS_SESSION_TOKEN"));
    if (found.anonymous() && found.secret_access_key.empty()) {
      return None("AWS_ACCESS_KEY_ID is not set");
    }
    if (found.anonymous() || found.secret_access_key.empty()) {
      return Future<SourceAnswer>::Ready(
          InvalidArgumentError("of AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY only one is set"));
    }
    return Found(std::move(found), Describe());
  }
  std::string Describe() const override { return "environment variables"; }

 private:
  const AwsEnvironment environment_;
};

/// Variables that ask for a way to credentials which coffer does not know.
class RefusedSource final : public CredentialsSource {
 public:
  RefusedSource(const AwsEnvironment& environment, std::string name,
                std::vector<std::string> variables)
      : environment_(environment), name_(std::move(name)), variables_(std::move(variables)) {}

  Future<SourceAnswer> Fetch() override {
    for (const std::string& variable : variables_) {
      if (environment_.Variable(variable).empty()) continue;
      return Future<SourceAnswer>::Ready(UnimplementedError(
          variable + " is set, but AWS credentials by " + name_ + " are not supported"));
    }
    return None(variables_.front() + " is not set");
  }
  std::string Describe() const override { return name_; }

 private:
  const AwsEnvironment environment_;
  const std::string name_;
  const std::vector<std::string> variables_;
};

class ProfileSource final : public CredentialsSource {
 public:
  ProfileSource(const AwsEnvironment& environment, std::string profile)
      : environment_(environment), profile_(std::move(profile)) {}

  Future<SourceAnswer> Fetch() override {
    Result<AwsProfile> loaded = LoadAwsProfile(environment_, profile_);
    if (!loaded.ok()) return Future<SourceAnswer>::Ready(loaded.status());
    const std::string profile = "profile \"" + loaded->name + "\"";
    if (!loaded->found()) {
      if (loaded->config_file.empty()) return None("HOME is not set");
      return None(profile + " is neither in \"" + loaded->credentials_file + "\" nor in \"" +
                  loaded->config_file + "\"");
    }
    if (loaded->credentials.role || loaded->config.role) return Refuse(profile, "role_arn");
    for (const bool config : {false, true}) {
      AwsProfileSection& section = config ? loaded->config : loaded->credentials;
      const std::string& file = config ? loaded->config_file : loaded->credentials_file;
      if (section.access_key_id.empty() && section.secret_access_key.empty()) continue;
      const std::string where = Where(file, section.line, profile);
      if (section.access_key_id.empty() || section.secret_access_key.empty()) {
        return Future<SourceAnswer>::Ready(InvalidArgumentError(
            where + " has only one of aws_access_key_id and aws_secret_access_key"));
      }
      return Found({.access_key_id = std::move(section.access_key_id),
                    .secret_access_key = std::move(section.secret_access_key),
                    .session_token = std::move(section.session_token)},
                   where);
    }
    for (const AwsProfileSection* section : {&loaded->credentials, &loaded->config}) {
      if (!section->other_ways.empty()) return Refuse(profile, section->other_ways);
    }
    return None(profile + " has no aws_access_key_id");
  }
  std::string Describe() const override {
    return profile_.empty() ? "shared AWS files" : "shared AWS files, profile \"" + profile_ + "\"";
  }

 private:
  static Future<SourceAnswer> Refuse(const std::string& profile, std::string_view setting) {
    return Future<SourceAnswer>::Ready(UnimplementedError(
        "AWS " + profile + " has " + std::string(setting) + ", which is not supported"));
  }

  const AwsEnvironment environment_;
  const std::string profile_;
};

class SourceChain final : public CredentialsSource,
                          public std::enable_shared_from_this<SourceChain> {
 public:
  SourceChain(std::vector<CredentialsSourcePtr> sources, std::shared_ptr<Executor> executor)
      : sources_(std::move(sources)), executor_(std::move(executor)) {}

  Future<SourceAnswer> Fetch() override {
    MutexLock lock(mutex_);
    const CredentialsSourcePtr chosen = chosen_;
    lock.Unlock();
    return chosen != nullptr ? Only(chosen) : Try(0, "");
  }

  std::string Describe() const override {
    MutexLock lock(mutex_);
    return chosen_ != nullptr ? chosen_->Describe() : "AWS credentials, not found yet";
  }

 private:
  Future<SourceAnswer> Try(size_t index, const std::string& reasons) {
    if (index == sources_.size()) {
      return Future<SourceAnswer>::Ready(FailedPreconditionError("no AWS credentials: " + reasons));
    }
    return sources_[index]->Fetch().Then(*executor_, [self = shared_from_this(), index,
                                                      reasons](const Result<SourceAnswer>& answer) {
      const CredentialsSourcePtr& source = self->sources_[index];
      if (!answer.ok()) return Future<SourceAnswer>::Ready(answer.status());
      if (answer->credentials == nullptr) {
        return self->Try(index + 1, reasons + (reasons.empty() ? "" : "; ") + source->Describe() +
                                        ": " + answer->why_none);
      }
      MutexLock lock(self->mutex_);
      self->chosen_ = source;
      return Future<SourceAnswer>::Ready(answer);
    });
  }

  /// The source that once had some; another identity in its place would be a surprise.
  Future<SourceAnswer> Only(const CredentialsSourcePtr& source) {
    return source->Fetch().Then(
        *executor_, [source](const Result<SourceAnswer>& answer) -> Result<SourceAnswer> {
          if (!answer.ok() || answer->credentials != nullptr) return answer;
          return FailedPreconditionError("no AWS credentials any more: " + source->Describe() +
                                         ": " + answer->why_none);
        });
  }

  const std::vector<CredentialsSourcePtr> sources_;
  const std::shared_ptr<Executor> executor_;
  mutable Mutex mutex_;
  CredentialsSourcePtr chosen_ COFFER_GUARDED_BY(mutex_);
};

}  // namespace

Status CheckCredentials(const AwsCredentials& credentials, std::string_view where) {
  const std::string& id = credentials.access_key_id;
  const std::string_view key = credentials.secret_access_key.Reveal();
  const std::string_view token = credentials.session_token.Reveal();
  std::string_view what;
  if (id.empty() || !std::all_of(id.begin(), id.end(), IsVisible)) {
    what = "the access key id is empty, or has a character that is not visible ASCII";
  } else if (key.empty() || std::any_of(key.begin(), key.end(), IsControl)) {
    what = "the secret access key is empty, or has a control character";
  } else if (!std::all_of(token.begin(), token.end(), IsVisible)) {
    what = "the session token has a character that is not visible ASCII";
  } else {
    return Status();
  }
  return InvalidArgumentError(std::string(where) + ": " + std::string(what));
}

CredentialsSourcePtr MakeEnvironmentSource(const AwsEnvironment& environment) {
  return std::make_shared<EnvironmentSource>(environment);
}

CredentialsSourcePtr MakeWebIdentitySource(const AwsEnvironment& environment) {
  return std::make_shared<RefusedSource>(environment, "web identity",
                                         std::vector<std::string>{"AWS_WEB_IDENTITY_TOKEN_FILE"});
}

CredentialsSourcePtr MakeProfileSource(const AwsEnvironment& environment, std::string profile) {
  return std::make_shared<ProfileSource>(environment, std::move(profile));
}

CredentialsSourcePtr MakeContainerSource(const AwsEnvironment& environment) {
  return std::make_shared<RefusedSource>(
      environment, "container endpoint",
      std::vector<std::string>{"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
                               "AWS_CONTAINER_CREDENTIALS_FULL_URI"});
}

CredentialsSourcePtr MakeSourceChain(std::vector<CredentialsSourcePtr> sources,
                                     std::shared_ptr<Executor> executor) {
  return std::make_shared<SourceChain>(std::move(sources), std::move(executor));
}

Result<CredentialsProviderPtr> MakeAwsCredentials(CredentialsOptions options) {
  if (!options.given.anonymous()) {
    COFFER_RETURN_IF_ERROR(CheckCredentials(options.given, "the given AWS credentials"));
    return CredentialsProviderPtr(std::make_shared<FixedProvider>(
        std::move(options.given), "given credentials", std::move(options.executor)));
  }
  if (!options.given.secret_access_key.empty()) {
    return InvalidArgumentError("the given AWS credentials: a secret access key without its id");
  }
  const std::shared_ptr<Executor> executor = internal::OrDefault(options.executor);
  const AwsEnvironment& environment = options.environment;
  std::vector<CredentialsSourcePtr> sources;
  if (options.profile.empty()) {
    sources.push_back(MakeEnvironmentSource(environment));
    sources.push_back(MakeWebIdentitySource(environment));
  }
  sources.push_back(MakeProfileSource(environment, options.profile));
  if (options.profile.empty()) {
    sources.push_back(MakeContainerSource(environment));
    sources.push_back(MakeInstanceSource(environment, std::move(options.fetch), executor));
  }
  return MakeRefreshingProvider(MakeSourceChain(std::move(sources), executor), environment.now,
                                executor);
}

CredentialsProviderPtr MakeAnonymousCredentials(std::shared_ptr<Executor> executor) {
  return std::make_shared<FixedProvider>(AwsCredentials(), "anonymous", std::move(executor));
}

}  // namespace coffer::inline v0
