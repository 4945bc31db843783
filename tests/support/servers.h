// The real servers of scripts/with-servers, as stores for tests (tests/servers/README.md).
//
//     TEST(S3, Something) {
//       if (IsMissing(S3Server::kMinio)) GTEST_SKIP();     // Says so; with CI=true it has failed.
//       const KvStorePtr store = MakeFreshS3(S3Server::kMinio);
//
// A fresh store is a prefix of the one bucket, or a folder below nginx's root, that no other call,
// of this process or another, has given.
//
// Errors: a store of a server that is missing aborts. Thread safety: all functions from any thread.
#ifndef COFFER_TESTS_SUPPORT_SERVERS_H_
#define COFFER_TESTS_SUPPORT_SERVERS_H_

#include <string>

#include "coffer/async/context.h"
#include "coffer/kvstore/kvstore.h"
#include "coffer/kvstore/s3.h"
#include "coffer/testing/kvstore_conformance.h"

namespace coffer::inline v0::testing {

enum class S3Server { kVersitygw, kMinio };

/// "Versitygw", "Minio".
std::string NameOf(S3Server server);

/// Whether the environment names the server. Nothing is said.
bool IsThere(S3Server server);
bool IsNginxThere();
/// The same for a test: prints "SKIPPED: ..." and returns true if it does not; with CI=true the
/// test has failed, too.
bool IsMissing(S3Server server);
bool IsNginxMissing();

/// The value of a variable; aborts if it is not set.
std::string ServerVariable(const std::string& name);

/// Its endpoint ("http://127.0.0.1:1"), and host and port apart.
std::string UrlOf(S3Server server);
int PortOf(S3Server server);

/// Endpoint, region and the one user's keys.
S3StoreOptions OptionsOf(S3Server server);
/// The whole bucket.
KvStorePtr MakeBucket(const S3StoreOptions& options, const Context& context = Context::Default());
/// "t<process>-<n>/" of the bucket. With other options: its keys are those of any other endpoint.
std::string FreshPrefix();
KvStorePtr MakeFreshS3(S3Server server, const Context& context = Context::Default());

/// A fresh folder, read through nginx and written as files. nginx makes an ETag of a file's time in
/// whole seconds and its size: so no two values that the writer writes have the same time.
ReadOnlyKvStore MakeFreshHttp();

}  // namespace coffer::inline v0::testing

#endif  // COFFER_TESTS_SUPPORT_SERVERS_H_
