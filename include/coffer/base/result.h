// Result<T>: a T, or the Status that says why there is none.
//
//     Result<Array> opened = Array::Open("file:///data/brain.zarr");
//     if (!opened.ok()) return opened.status();
//     Use(*opened);
//
// or, where an exception or an abort is what the program wants:
//
//     Array volume = Array::Open(url).OrThrow();
//
// Inside functions that return Status or Result, two macros pass errors on:
//
//     COFFER_RETURN_IF_ERROR(store.Write(key, value));
//     COFFER_ASSIGN_OR_RETURN(Array volume, Array::Open(url));
//
// Thread safety: that of T.
#ifndef COFFER_BASE_RESULT_H_
#define COFFER_BASE_RESULT_H_

#include <type_traits>
#include <utility>
#include <variant>

#include "coffer/base/status.h"

namespace coffer::inline v0 {

namespace internal {
/// Prints `status` and aborts: value() was called on an error.
[[noreturn]] COFFER_EXPORT void DieOfStatus(const Status& status);
}  // namespace internal

template <class T>
class [[nodiscard]] Result {
 public:
  using value_type = T;

  /// An error. Requires !status.ok(); a success without a value aborts.
  Result(Status status) : rep_(std::in_place_index<0>, std::move(status)) {  // NOLINT: implicit
    if (std::get<0>(rep_).ok()) internal::DieOfStatus(InternalError("Result made of an OK status"));
  }
  /// A value.
  template <class U = T>
    requires(std::is_constructible_v<T, U &&> &&
             !std::is_same_v<std::remove_cvref_t<U>, Result<T>> &&
             !std::is_same_v<std::remove_cvref_t<U>, Status>)
  Result(U&& value)  // NOLINT: implicit
      : rep_(std::in_place_index<1>, std::forward<U>(value)) {}

  bool ok() const { return rep_.index() == 1; }
  /// OK if there is a value.
  Status status() const { return ok() ? Status() : std::get<0>(rep_); }

  /// The value; aborts with the full text if there is none.
  T& value() & { return Checked(*this); }
  const T& value() const& { return Checked(*this); }
  T&& value() && { return std::move(Checked(*this)); }

  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  /// The value, or throws std::runtime_error with the full text.
  T OrThrow() && {
    status().OrThrow();
    return std::move(*this).value();
  }
  /// The value, or prints the full text and aborts. For examples and tests.
  T OrDie() && { return std::move(*this).value(); }

 private:
  template <class Self>
  static auto& Checked(Self& self) {
    if (!self.ok()) internal::DieOfStatus(std::get<0>(self.rep_));
    return std::get<1>(self.rep_);
  }

  std::variant<Status, T> rep_;
};

namespace internal {
inline Status StatusOf(Status status) { return status; }
template <class T>
Status StatusOf(const Result<T>& result) {
  return result.status();
}
}  // namespace internal

}  // namespace coffer::inline v0

/// Returns the error of a Status or Result expression from the enclosing function.
#define COFFER_RETURN_IF_ERROR(expression)                                          \
  do {                                                                              \
    if (::coffer::Status coffer_status_ = ::coffer::internal::StatusOf(expression); \
        !coffer_status_.ok()) {                                                     \
      return coffer_status_;                                                        \
    }                                                                               \
  } while (false)

#define COFFER_INTERNAL_CONCAT2(a, b) a##b
#define COFFER_INTERNAL_CONCAT(a, b) COFFER_INTERNAL_CONCAT2(a, b)
#define COFFER_INTERNAL_ASSIGN_OR_RETURN(temporary, target, expression) \
  auto temporary = (expression);                                        \
  if (!temporary.ok()) return temporary.status();                       \
  target = *std::move(temporary)

/// `target = value of expression`, or returns its error from the enclosing function.
#define COFFER_ASSIGN_OR_RETURN(target, ...)                                                 \
  COFFER_INTERNAL_ASSIGN_OR_RETURN(COFFER_INTERNAL_CONCAT(coffer_result_, __LINE__), target, \
                                   (__VA_ARGS__))

#endif  // COFFER_BASE_RESULT_H_
