// Goal: the linked library, its headers and the build agree on one version.
// Method: compare the function compiled into the library with the constant seen by this file.
#include "coffer/base/version.h"

#include <gtest/gtest.h>

namespace coffer {
namespace {

TEST(Version, LibraryAgreesWithItsHeaders) {
  EXPECT_EQ(Version(), kVersion);
  EXPECT_EQ(Version(), "0.1.0");
}

}  // namespace
}  // namespace coffer
