// What one cell of the comparison asks for: the driver's job file, as coffer's workers read it.
//
// A job file has one fact a line, a word and its values (benchmarks/compare/job.py writes it):
//   source PATH      raw elements, C order, in native byte order; mapped, never copied
//   dtype NAME | shape N... | chunk N... | shard N... (or nothing) | codec none|zstd|blosc
//   checksum 0|1 | durable 0|1 | cores N
//   select A:B:S A:B:S ...   one call's region; any number of these lines
#ifndef COFFER_BENCHMARKS_COMPARE_NATIVE_JOB_H_
#define COFFER_BENCHMARKS_COMPARE_NATIVE_JOB_H_

#include <string>
#include <vector>

#include "coffer/array/array.h"
#include "coffer/array/group.h"

namespace coffer_compare {

struct Job {
  std::string source;
  coffer::DataType data_type = coffer::DataType::kUint16;
  coffer::Shape shape, chunk, shard;
  std::string codec = "none";
  bool checksum = true;
  bool durable = true;
  int cores = 2;
  std::vector<std::vector<coffer::Selection>> selections;
};

/// Throws std::runtime_error for a file that cannot be read or a word that is not known.
Job ReadJob(const std::string& path);

/// How the job's array is to be created.
coffer::CreateOptions LayoutOf(const Job& job, const coffer::Context& context);

/// How a small float32 array is to be created, of kSmallSide elements along each of two sides.
constexpr int kSmallSide = 20;
coffer::CreateOptions SmallLayoutOf(const Job& job, const coffer::Context& context);

/// The place of an "s3://" URL, of the server that the environment names; or in a file store that
/// is durable or not, as the job says.
coffer::Place PlaceOf(const Job& job, const std::string& path, const coffer::Context& context);

}  // namespace coffer_compare

#endif  // COFFER_BENCHMARKS_COMPARE_NATIVE_JOB_H_
