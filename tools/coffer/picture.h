// Turning two-dimensional arrays of numbers into grey pictures.
#ifndef COFFER_TOOLS_COFFER_PICTURE_H_
#define COFFER_TOOLS_COFFER_PICTURE_H_

#include <optional>
#include <string_view>
#include <utility>

#include "coffer/array/owned_array.h"
#include "coffer/base/result.h"

namespace coffer::inline v0::tool {

/// The values that become black and white.
struct Window {
  double low = 0;
  double high = 0;
};

/// "LOW:HIGH". InvalidArgument unless LOW < HIGH.
Result<Window> ParseWindow(std::string_view text);

/// A uint8 or uint16 picture of a rank-2 array of numbers. With a window, or for any type but these
/// two: 8 bits, scaled from the window, else from the smallest and largest value (NaN is black).
/// InvalidArgument for complex and raw elements.
Result<OwnedArray> MakePicture(const OwnedArray& values, const std::optional<Window>& window);

}  // namespace coffer::inline v0::tool

#endif  // COFFER_TOOLS_COFFER_PICTURE_H_
