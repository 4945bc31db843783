// How commands declare their arguments. CLI11 does the work behind it, in one source.
//
//     CommandLine command = parent.Command("resize", "Change the shape", [...] { ... });
//     command.Text("URL", &arguments->url, "an array");                    // positional: required
//     command.Parsed("--at", &arguments->at, ParseIndex, "where to begin");
//
// Pointers must live as long as the command line: commands keep their arguments in a shared_ptr
// that the action holds, too.
#ifndef COFFER_TOOLS_COFFER_COMMAND_LINE_H_
#define COFFER_TOOLS_COFFER_COMMAND_LINE_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "coffer/base/result.h"
#include "tools/coffer/session.h"

namespace CLI {  // NOLINT(readability-identifier-naming): not ours
class App;
}

namespace coffer::inline v0::tool {

class CommandLine {
 public:
  /// Takes the text of an argument; an error is wrong usage.
  using Parser = std::function<Status(const std::string&)>;

  CommandLine(CLI::App* app, Session* session) : app_(app), session_(session) {}

  Session& session() const { return *session_; }

  /// A command below this one; `action` runs when it was chosen and everything was parsed.
  CommandLine Command(const std::string& name, const std::string& description,
                      Session::Action action) const;
  /// A command that only has commands below it.
  CommandLine Family(const std::string& name, const std::string& description) const;

  // Names without a dash are positional and required; options are required where `required` says.
  void Text(const std::string& name, std::string* value, const std::string& description,
            bool required = false) const;
  /// Any number of texts, each checked if `check` is given; never required. An option takes one
  /// text each time it is given.
  void Texts(const std::string& name, std::vector<std::string>* values,
             const std::string& description, Parser check = nullptr) const;
  void Flag(const std::string& name, bool* value, const std::string& description) const;
  void Parsed(const std::string& name, Parser parse, const std::string& description) const;
  /// *value = what `parse` (text to Result) gives; T may be an optional of that.
  template <class T, class Parse>
  void Parsed(const std::string& name, T* value, Parse parse,
              const std::string& description) const {
    Parser parser = [value, parse](const std::string& text) -> Status {
      auto parsed = parse(text);
      if (!parsed.ok()) return parsed.status();
      *value = *std::move(parsed);
      return Status();
    };
    Parsed(name, std::move(parser), description);
  }

  /// A whole number from `min` on.
  static Result<int64_t> ParseInteger(const std::string& text, int64_t min);

 private:
  CLI::App* app_;
  Session* session_;
};

/// Parses a command line with what `declare` adds to it and runs the action that was chosen.
/// Returns the exit status (see session.h).
int ParseAndRun(int argc, const char* const* argv, Session& session,
                const std::function<void(const CommandLine&)>& declare);

}  // namespace coffer::inline v0::tool

#endif  // COFFER_TOOLS_COFFER_COMMAND_LINE_H_
