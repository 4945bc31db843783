#include "tools/coffer/command_line.h"

#include <CLI/CLI.hpp>
#include <charconv>
#include <cstdio>

#include "coffer/base/version.h"
#include "src/base/shown.h"
#include "tools/coffer/text.h"

namespace coffer::inline v0::tool {
namespace {

bool IsPositional(const std::string& name) { return !name.starts_with('-'); }

// One line, whatever CLI11 says.
std::string FirstLine(const std::string& text) { return text.substr(0, text.find('\n')); }

}  // namespace

CommandLine CommandLine::Command(const std::string& name, const std::string& description,
                                 Session::Action action) const {
  CLI::App* command = app_->add_subcommand(name, description);
  command->fallthrough();
  command->callback([session = session_, action = std::move(action)] { session->Choose(action); });
  return CommandLine(command, session_);
}

CommandLine CommandLine::Family(const std::string& name, const std::string& description) const {
  CLI::App* family = app_->add_subcommand(name, description);
  family->fallthrough();
  family->require_subcommand(1);
  return CommandLine(family, session_);
}

void CommandLine::Text(const std::string& name, std::string* value, const std::string& description,
                       bool required) const {
  app_->add_option(name, *value, description)->required(required || IsPositional(name));
}

void CommandLine::Texts(const std::string& name, std::vector<std::string>* values,
                        const std::string& description, Parser check) const {
  CLI::Option* option = app_->add_option(name, *values, description);
  if (!IsPositional(name)) option->allow_extra_args(false);
  if (check == nullptr) return;
  option->check([check](const std::string& text) { return std::string(check(text).message()); });
}

void CommandLine::Flag(const std::string& name, bool* value, const std::string& description) const {
  app_->add_flag(name, *value, description);
}

void CommandLine::Parsed(const std::string& name, Parser parse,
                         const std::string& description) const {
  auto take = [name, parse](const std::string& text) {
    Status status = parse(text);
    if (!status.ok()) throw CLI::ValidationError(name, std::string(status.message()));
  };
  app_->add_option_function<std::string>(name, take, description)->required(IsPositional(name));
}

Result<int64_t> CommandLine::ParseInteger(const std::string& text, int64_t min) {
  int64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc() && end == text.data() + text.size() && value >= min) return value;
  return InvalidArgumentError("\"" + text + "\" is no integer from " + std::to_string(min) + " on");
}

int ParseAndRun(int argc, const char* const* argv, Session& session,
                const std::function<void(const CommandLine&)>& declare) {
  CLI::App app("Chunked n-dimensional arrays and checkpoints, on any store.", "coffer");
  app.set_version_flag("--version", "coffer " + std::string(Version()));
  app.require_subcommand(1);
  declare(CommandLine(&app, &session));
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& success) {
    return app.exit(success);
  } catch (const CLI::ParseError& error) {
    // CLI11 prefers to complain of what is missing, even where something else was misspelt.
    std::vector<std::string> unknown = app.remaining(true);
    std::string reason = unknown.empty() ? FirstLine(error.what())
                                         : "\"" + ShownPlace(unknown[0]) + "\" was not expected";
    std::fprintf(stderr, "coffer: %s (see coffer --help)\n", Printable(reason).c_str());
    return kUsage;
  }
  return session.Run(session.chosen());
}

}  // namespace coffer::inline v0::tool
