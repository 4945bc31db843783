#include "benchmarks/compare/native/job.h"

#include <fstream>
#include <sstream>
#include <stdexcept>

#include "coffer/kvstore/stores.h"

namespace coffer_compare {

namespace {

coffer::Shape Extents(std::istream& words) {
  coffer::Shape shape;
  for (int64_t extent; words >> extent;) shape.push_back(extent);
  return shape;
}

coffer::DataType TypeNamed(const std::string& name) {
  for (const coffer::DataType type :
       {coffer::DataType(coffer::DataType::kUint8), coffer::DataType(coffer::DataType::kUint16),
        coffer::DataType(coffer::DataType::kFloat32)}) {
    if (name == type.name()) return type;
  }
  throw std::runtime_error("job: unknown dtype " + name);
}

std::vector<coffer::Selection> Region(std::istream& words) {
  std::vector<coffer::Selection> region;
  char colon = 0;
  for (coffer::Selection part; words >> part.begin >> colon >> part.end >> colon >> part.step;) {
    part.dim = static_cast<int>(region.size());
    region.push_back(part);
  }
  return region;
}

}  // namespace

Job ReadJob(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw std::runtime_error("cannot read " + path);
  Job job;
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string key, value;
    words >> key;
    if (key == "shape") {
      job.shape = Extents(words);
    } else if (key == "chunk") {
      job.chunk = Extents(words);
    } else if (key == "shard") {
      job.shard = Extents(words);
    } else if (key == "select") {
      job.selections.push_back(Region(words));
    } else if (key == "source") {
      std::getline(words >> std::ws, job.source);
    } else if (words >> value; key == "dtype") {
      job.data_type = TypeNamed(value);
    } else if (key == "codec") {
      job.codec = value;
    } else if (key == "checksum") {
      job.checksum = value == "1";
    } else if (key == "durable") {
      job.durable = value == "1";
    } else if (key == "cores") {
      job.cores = std::stoi(value);
    } else {
      throw std::runtime_error("job: unknown word " + key);
    }
  }
  return job;
}

coffer::CreateOptions LayoutOf(const Job& job, const coffer::Context& context) {
  coffer::CreateOptions options{.shape = job.shape,
                                .data_type = job.data_type,
                                .chunk_shape = job.chunk,
                                .shard_shape = job.shard,
                                .context = context};
  options.codec = job.codec == "zstd"    ? coffer::Zstd(1)
                  : job.codec == "blosc" ? coffer::Blosc("lz4", 5, "shuffle")
                                         : coffer::Uncompressed();
  options.format.checksum = job.checksum;
  return options;
}

coffer::CreateOptions SmallLayoutOf(const Job& job, const coffer::Context& context) {
  const coffer::Shape shape = {kSmallSide, kSmallSide};
  coffer::CreateOptions options{.shape = shape,
                                .data_type = coffer::DataType::kFloat32,
                                .chunk_shape = shape,
                                .codec = coffer::Zstd(1),
                                .context = context};
  options.format.checksum = job.checksum;
  return options;
}

coffer::Place PlaceOf(const Job& job, const std::string& path, const coffer::Context& context) {
  if (path.starts_with("s3://")) {
    return {coffer::OpenKvStore(path + "/", context).OrThrow(), "", "zarr3"};
  }
  return {coffer::MakeFileStore(path, {.sync = job.durable}, context).OrThrow(), "", "zarr3"};
}

}  // namespace coffer_compare
