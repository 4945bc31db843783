#include "tools/coffer/resuming.h"

#include <string>
#include <string_view>

#include "coffer/kvstore/stores.h"
#include "src/base/json.h"
#include "tools/coffer/text.h"

namespace coffer::inline v0::tool {
namespace {

constexpr size_t kShownBytes = 60;

std::string Shown(const Json& value) { return Shortened(Printable(value.Dump()), kShownBytes); }

// Where two documents first differ, and how; "" if nowhere. The order of members means nothing.
std::string Difference(const Json& there, const Json& wanted, const std::string& path) {
  const auto member = [&](const std::string& name) {
    return std::string(path).append(".").append(name);
  };
  if (there.is_object() && wanted.is_object()) {
    for (const auto& [name, value] : wanted.object()) {
      const Json* const found = there.Find(name);
      if (found == nullptr) return member(name) + " is missing";
      std::string difference = Difference(*found, value, member(name));
      if (!difference.empty()) return difference;
    }
    for (const auto& [name, value] : there.object()) {
      if (wanted.Find(name) == nullptr) return member(name) + " is there, " + Shown(value);
    }
    return "";
  }
  if (there.is_array() && wanted.is_array() && there.array().size() == wanted.array().size()) {
    for (size_t i = 0; i < there.array().size(); ++i) {
      const std::string element = std::string(path).append("[").append(std::to_string(i)) + "]";
      std::string difference = Difference(there.array()[i], wanted.array()[i], element);
      if (!difference.empty()) return difference;
    }
    return "";
  }
  // By their texts: NaN is the same as NaN.
  if (there.Dump() == wanted.Dump()) return "";
  return path + " is " + Shown(there) + ", not " + Shown(wanted);
}

Status CheckSame(const std::string& url, std::string_view what, std::string_view there,
                 std::string_view wanted) {
  COFFER_ASSIGN_OR_RETURN(const Json found, Json::ParseNonFinite(there));
  COFFER_ASSIGN_OR_RETURN(const Json expected, Json::ParseNonFinite(wanted));
  const std::string difference = Difference(found, expected, "$");
  if (difference.empty()) return Status();
  return FailedPreconditionError(url + ": not what this copy makes: " + std::string(what) + ", " +
                                 Printable(difference) + "; remove it, or copy elsewhere");
}

}  // namespace

Result<Array> CreateOrGoOn(const Place& place, const CreateOptions& options) {
  Result<Array> created = Array::Create(place, options);
  if (created.status().code() != StatusCode::kAlreadyExists) return created;
  Result<Array> there = Array::Open(place, {.context = options.context});
  if (there.status().code() == StatusCode::kNotFound) return created;  // Of another format.
  COFFER_RETURN_IF_ERROR(there);
  // Of a context of its own: what is written there is none of this command's work.
  const Place scratch{MakeMemoryStore(Context::Create({.threads = 1})), "", place.driver};
  COFFER_ASSIGN_OR_RETURN(const Array wanted, Array::Create(scratch, options));
  COFFER_RETURN_IF_ERROR(CheckSame(there->url(), "metadata", there->metadata(), wanted.metadata()));
  COFFER_RETURN_IF_ERROR(
      CheckSame(there->url(), "attributes", there->attributes(), wanted.attributes()));
  return there;
}

Result<Group> CreateOrGoOn(const Place& place, const GroupOptions& options) {
  Result<Group> created = Group::Create(place, options);
  if (created.status().code() != StatusCode::kAlreadyExists) return created;
  Result<Group> there = Group::Open(place, OpenOptions{.context = options.context});
  if (there.status().code() == StatusCode::kNotFound) return created;  // Of another format.
  COFFER_RETURN_IF_ERROR(there);
  const std::string wanted = options.attributes.empty() ? "{}" : options.attributes;
  COFFER_RETURN_IF_ERROR(CheckSame(there->url(), "attributes", there->attributes(), wanted));
  return there;
}

}  // namespace coffer::inline v0::tool
