#include "coffer/async/observer.h"

namespace coffer::inline v0 {

Observer::~Observer() = default;

}  // namespace coffer::inline v0
