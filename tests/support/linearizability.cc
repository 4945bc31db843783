// The checker of Wing and Gong, with Lowe's cache:
//
//  1. Generations become values: every answer tells which value has which generation.
//  2. The operations are sorted by their call. A search puts one after the other in order: any that
//     was called before the first answer among those that are left may be the next.
//  3. An operation may be next if the register's value explains its answer. An unknown one may
//     always be next, with its effect (if its condition holds) or without.
//  4. A pair of (what is done, the register's value) that led nowhere is not tried again.
#include "tests/support/linearizability.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

namespace coffer::inline v0::testing {
namespace {

using Kind = RegisterOperation::Kind;
using Outcome = RegisterOperation::Outcome;

constexpr uint64_t kMissing = 0;             // The register's value where the key does not exist.
constexpr uint64_t kNobodys = ~uint64_t{0};  // A generation that no value was seen with.

/// What generations stand for.
class Generations {
 public:
  /// Empty, or the contradiction.
  std::string Learn(const RegisterOperation& operation) {
    if (operation.outcome != Outcome::kDone || operation.kind == Kind::kDelete) return "";
    const std::string& generation = operation.generation.value;
    if (!operation.generation.known() || operation.generation.missing()) {
      return "a value without a generation: " + operation.ToString();
    }
    const auto [it, first] = values_.emplace(generation, operation.value);
    if (!first && it->second != operation.value) {
      return "generation " + generation + " of two values: " + operation.ToString();
    }
    const auto [other, new_value] = generations_.emplace(operation.value, generation);
    if (!new_value && other->second != generation) {
      return "two generations of one value, " + other->second + " and that of " +
             operation.ToString();
    }
    return "";
  }
  /// The value that a condition asks for; nullopt where there is no condition.
  std::optional<uint64_t> Expected(const Generation& if_equal) const {
    if (!if_equal.known()) return std::nullopt;
    if (if_equal.missing()) return kMissing;
    const auto it = values_.find(if_equal.value);
    return it == values_.end() ? kNobodys : it->second;
  }

 private:
  std::map<std::string, uint64_t> values_;
  std::map<uint64_t, std::string> generations_;
};

/// One operation, ready for the search.
struct Step {
  RegisterOperation operation;
  std::optional<uint64_t> expected;
  uint64_t effect = kMissing;
};

class Search {
 public:
  explicit Search(std::vector<Step> steps) : steps_(std::move(steps)), done_(steps_.size()) {}

  bool Run() { return From(0, kMissing); }
  /// How many operations the longest explanation has.
  size_t longest() const { return longest_; }

 private:
  /// Whether all that are left can follow, the first of them at `first` or later.
  bool From(size_t first, uint64_t now) {
    while (first < steps_.size() && done_[first]) ++first;
    longest_ = std::max(longest_, count_);
    if (first == steps_.size()) return true;
    // Before `first` all is done: what lies behind it tells the rest.
    std::vector<bool> rest(done_.begin() + static_cast<ptrdiff_t>(first), done_.end());
    while (!rest.empty() && !rest.back()) rest.pop_back();
    if (!tried_.emplace(first, now, std::move(rest)).second) return false;
    int64_t answer = RegisterOperation::kNever;
    for (size_t i = first; i < steps_.size(); ++i) {
      if (steps_[i].operation.begin > answer) break;
      if (done_[i]) continue;
      answer = std::min(answer, steps_[i].operation.end);
      if (Next(i, first, now)) return true;
    }
    return false;
  }

  bool Next(size_t i, size_t first, uint64_t now) {
    const Step& step = steps_[i];
    const bool holds = !step.expected || *step.expected == now;
    done_[i] = true;
    ++count_;
    bool found = false;
    switch (step.operation.outcome) {
      case Outcome::kDone:
        if (step.operation.kind == Kind::kRead) {
          found = now == step.effect && From(first, now);
        } else {
          found = holds && From(first, step.effect);
        }
        break;
      case Outcome::kMissing:
        found = now == kMissing && From(first, now);
        break;
      case Outcome::kNotMet:
        found = step.expected && !holds && From(first, now);
        break;
      case Outcome::kUnknown:
        found = (holds && From(first, step.effect)) || From(first, now);
        break;
    }
    done_[i] = false;
    --count_;
    return found;
  }

  const std::vector<Step> steps_;
  std::vector<bool> done_;
  size_t count_ = 0;
  size_t longest_ = 0;
  std::set<std::tuple<size_t, uint64_t, std::vector<bool>>> tried_;
};

std::string Listed(const std::vector<Step>& steps) {
  std::string text;
  for (const Step& step : steps) text += "\n  " + step.operation.ToString();
  return text;
}

}  // namespace

std::string RegisterOperation::ToString() const {
  static constexpr const char* kKinds[] = {"read", "write", "delete"};
  static constexpr const char* kOutcomes[] = {"done", "missing", "not met", "unknown"};
  std::string text = "client " + std::to_string(client) + " [" + std::to_string(begin) + ", " +
                     (end == kNever ? "never" : std::to_string(end)) + "] " +
                     kKinds[static_cast<size_t>(kind)];
  if (kind == Kind::kWrite || outcome == Outcome::kDone) text += " " + std::to_string(value);
  if (if_equal.known()) text += " if " + if_equal.value;
  text += std::string(": ") + kOutcomes[static_cast<size_t>(outcome)];
  if (generation.known()) text += " " + generation.value;
  return text;
}

std::string WhyNotLinearizable(std::vector<RegisterOperation> operations) {
  std::sort(operations.begin(), operations.end(),
            [](const auto& a, const auto& b) { return a.begin < b.begin; });
  Generations generations;
  for (const RegisterOperation& operation : operations) {
    const std::string contradiction = generations.Learn(operation);
    if (!contradiction.empty()) return contradiction;
  }
  std::vector<Step> steps;
  for (RegisterOperation& operation : operations) {
    const bool read = operation.kind == Kind::kRead;
    if (read && operation.outcome == Outcome::kUnknown) continue;  // Tells nothing.
    Step step{std::move(operation), std::nullopt, kMissing};
    if (!read) step.expected = generations.Expected(step.operation.if_equal);
    if (step.operation.kind != Kind::kDelete) step.effect = step.operation.value;
    steps.push_back(std::move(step));
  }
  Search search(steps);
  if (search.Run()) return "";
  return "no order explains more than " + std::to_string(search.longest()) + " of " +
         std::to_string(steps.size()) + " operations:" + Listed(steps);
}

std::vector<RegisterOperation> WithRepeats(std::vector<RegisterOperation> operations) {
  for (size_t i = operations.size(); i-- > 0;) {
    RegisterOperation again = operations[i];
    if (again.kind == Kind::kRead || again.outcome == Outcome::kNotMet) continue;
    again.outcome = Outcome::kUnknown;
    again.generation = Generation::Unknown();
    operations.push_back(std::move(again));
  }
  return operations;
}

}  // namespace coffer::inline v0::testing
