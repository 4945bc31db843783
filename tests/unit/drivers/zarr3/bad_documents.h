// Array documents that must be refused, each as a patch of the good one in documents.h, with the
// whole error. They cover what the specification forbids member by member, and what is valid but
// not supported.
#ifndef COFFER_TESTS_UNIT_DRIVERS_ZARR3_BAD_DOCUMENTS_H_
#define COFFER_TESTS_UNIT_DRIVERS_ZARR3_BAD_DOCUMENTS_H_

#include <string_view>

namespace coffer::zarr3 {

struct BadDocument {
  std::string_view patch;
  std::string_view error;
};

inline constexpr BadDocument kBadDocuments[] = {
    // zarr_format, node_type:
    {R"({"zarr_format": 2})", "InvalidArgument: at $.zarr_format: expected 3, got 2"},
    {R"({"zarr_format": 3.0})", "InvalidArgument: at $.zarr_format: expected 3, got 3.0"},
    {R"({"zarr_format": "3"})", "InvalidArgument: at $.zarr_format: expected 3, got \"3\""},
    {R"({"zarr_format": true})", "InvalidArgument: at $.zarr_format: expected 3, got true"},
    {R"({"zarr_format": "absent"})", "InvalidArgument: at $: missing member \"zarr_format\""},
    {R"({"node_type": "absent"})", "InvalidArgument: at $: missing member \"node_type\""},
    {R"({"node_type": "Array"})",
     "InvalidArgument: at $.node_type: expected \"array\" or \"group\", got \"Array\""},
    {R"({"node_type": 1})",
     "InvalidArgument: at $.node_type: expected \"array\" or \"group\", got 1"},
    // shape:
    {R"({"shape": "absent"})", "InvalidArgument: at $: missing member \"shape\""},
    {R"({"shape": [-1, 6]})", "InvalidArgument: at $.shape[0]: expected an integer >= 0, got -1"},
    {R"({"shape": [4, 1.5]})", "InvalidArgument: at $.shape[1]: expected an integer >= 0, got 1.5"},
    {R"({"shape": [true, 6]})",
     "InvalidArgument: at $.shape[0]: expected an integer >= 0, got true"},
    {R"({"shape": [4.0, 6]})", "InvalidArgument: at $.shape[0]: expected an integer >= 0, got 4.0"},
    {R"({"shape": "3"})", "InvalidArgument: at $.shape: expected an array, got \"3\""},
    {R"({"shape": null})", "InvalidArgument: at $.shape: expected an array, got null"},
    {R"({"shape": [4, "6"]})",
     "InvalidArgument: at $.shape[1]: expected an integer >= 0, got \"6\""},
    {R"({"shape": [4, 9223372036854775808]})",
     "InvalidArgument: at $.shape[1]: expected an integer >= 0 and below 2^63, got "
     "9223372036854775808"},
    {R"({"shape": [4294967296, 4294967296]})",
     "InvalidArgument: at $.shape: an array of shape [4294967296, 4294967296] has more than "
     "2^63 - 1 bytes"},
    {R"({"shape": [4]})",
     "InvalidArgument: at $.chunk_grid.configuration.chunk_shape: expected as many extents "
     "as the shape has, 1, got [2,3]"},
    {R"({"shape": [0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]})",
     "Unimplemented: at $.shape: 33 dimensions; at most 32 are supported"},
    // data_type:
    {R"({"data_type": "absent"})", "InvalidArgument: at $: missing member \"data_type\""},
    {R"({"data_type": "int33"})",
     "Unimplemented: at $.data_type: data type \"int33\" is not supported"},
    {R"({"data_type": "r7"})",
     "InvalidArgument: at $.data_type: data type \"r7\": the bits of r<N> must be a "
     "multiple of 8 up to 524288"},
    {R"({"data_type": "r0"})", "InvalidArgument: at $.data_type: unknown data type \"r0\""},
    {R"({"data_type": "r524296"})",
     "InvalidArgument: at $.data_type: data type \"r524296\": the bits of r<N> must be a "
     "multiple of 8 up to 524288"},
    {R"({"data_type": "string"})",
     "Unimplemented: at $.data_type: data type \"string\" is not supported"},
    {R"({"data_type": {"name": 1}})",
     "InvalidArgument: at $.data_type.name: expected a string, got 1"},
    {R"({"data_type": {"configuration": {}}})",
     "InvalidArgument: at $.data_type: missing member \"name\""},
    {R"({"data_type": {"name": "int8", "extra": 1}})",
     "InvalidArgument: at $.data_type: unknown member \"extra\""},
    {R"({"data_type": {"name": "int8", "must_understand": false}})",
     "InvalidArgument: at $.data_type.must_understand: false is not allowed here"},
    {R"({"data_type": {"name": "int8", "must_understand": "true"}})",
     "InvalidArgument: at $.data_type.must_understand: expected true or false, got \"true\""},
    {R"({"data_type": {"name": "int8", "configuration": []}})",
     "InvalidArgument: at $.data_type.configuration: expected an object, got []"},
    {R"({"data_type": {"name": "int8", "configuration": {"bits": 8}}})",
     "InvalidArgument: at $.data_type.configuration: unknown member \"bits\""},
    {R"({"data_type": {"name": "numpy.datetime64", "configuration": {"unit": "min",
          "scale_factor": 1}}})",
     "Unimplemented: at $.data_type: data type \"numpy.datetime64\" is not supported"},
    {R"({"data_type": {"name": "numpy.datetime64", "configuration": {"unit": "s",
          "scale_factor": 0}}})",
     "Unimplemented: at $.data_type: data type \"numpy.datetime64\" is not supported"},
    {R"({"data_type": {"name": "struct", "configuration": {"fields": []}}})",
     "Unimplemented: at $.data_type: data type \"struct\" is not supported"},
    {R"({"data_type": 8})", "InvalidArgument: at $.data_type: expected a name or an object, got 8"},
    // chunk_grid:
    {R"({"chunk_grid": "absent"})", "InvalidArgument: at $: missing member \"chunk_grid\""},
    {R"({"chunk_grid": "regular"})",
     "InvalidArgument: at $.chunk_grid.configuration: missing member \"chunk_shape\""},
    {R"({"chunk_grid": {"name": "regular"}})",
     "InvalidArgument: at $.chunk_grid.configuration: missing member \"chunk_shape\""},
    {R"({"chunk_grid": {"name": "regular", "configuration": {}}})",
     "InvalidArgument: at $.chunk_grid.configuration: missing member \"chunk_shape\""},
    {R"({"chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [2]}}})",
     "InvalidArgument: at $.chunk_grid.configuration.chunk_shape: expected as many extents "
     "as the shape has, 2, got [2]"},
    {R"({"chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [2, 0]}}})",
     "InvalidArgument: at $.chunk_grid.configuration.chunk_shape[1]: expected an integer >= "
     "1, got 0"},
    {R"({"chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [2, -3]}}})",
     "InvalidArgument: at $.chunk_grid.configuration.chunk_shape[1]: expected an integer >= "
     "1, got -3"},
    {R"({"chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [2, 1.5]}}})",
     "InvalidArgument: at $.chunk_grid.configuration.chunk_shape[1]: expected an integer >= "
     "1, got 1.5"},
    {R"({"chunk_grid": {"name": "regular", "configuration": {"chunk_shape": 2}}})",
     "InvalidArgument: at $.chunk_grid.configuration.chunk_shape: expected an array, got 2"},
    {R"({"chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [2, 3], "kind":
          "inline"}}})",
     "InvalidArgument: at $.chunk_grid.configuration: unknown member \"kind\""},
    {R"({"chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [2, 3]},
          "must_understand": false}})",
     "InvalidArgument: at $.chunk_grid.must_understand: false is not allowed here"},
    {R"({"chunk_grid": {"name": "regular", "configuration": {"chunk_shape":
          [4611686018427387904, 4]}}})",
     "InvalidArgument: at $.chunk_grid.configuration.chunk_shape: a chunk of shape "
     "[4611686018427387904, 4] has more than 2^60 bytes"},
    {R"({"chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [1073741824,
          1073741824]}}})",
     "InvalidArgument: at $.chunk_grid.configuration.chunk_shape: a chunk of shape "
     "[1073741824, 1073741824] has more than 2^60 bytes"},
    {R"({"chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [65536, 32769]}}})",
     "Unimplemented: at $.chunk_grid: a chunk of shape [65536, 32769] has 4295098368 bytes; "
     "at most 4294967296 are decoded as one"},
    {R"({"chunk_grid": {"name": "rectilinear", "configuration": {"kind": "inline",
          "chunk_shapes": [[[2, 0]], [5]]}}})",
     "Unimplemented: at $.chunk_grid: chunk grid \"rectilinear\" is not supported"},
    {R"({"chunk_grid": {"name": "hexagonal"}})",
     "Unimplemented: at $.chunk_grid: chunk grid \"hexagonal\" is not supported"},
    {R"({"chunk_grid": [2, 3]})",
     "InvalidArgument: at $.chunk_grid: expected a name or an object, got [2,3]"},
    // chunk_key_encoding:
    {R"({"chunk_key_encoding": "absent"})",
     "InvalidArgument: at $: missing member \"chunk_key_encoding\""},
    {R"({"chunk_key_encoding": {"name": "default", "configuration": {"separator": "-"}}})",
     "InvalidArgument: at $.chunk_key_encoding.configuration.separator: expected \"/\" or "
     "\".\", got \"-\""},
    {R"({"chunk_key_encoding": {"name": "default", "configuration": {"separator": ""}}})",
     "InvalidArgument: at $.chunk_key_encoding.configuration.separator: expected \"/\" or "
     "\".\", got \"\""},
    {R"({"chunk_key_encoding": {"name": "default", "configuration": {"separator": "//"}}})",
     "InvalidArgument: at $.chunk_key_encoding.configuration.separator: expected \"/\" or "
     "\".\", got \"//\""},
    {R"({"chunk_key_encoding": {"name": "v2", "configuration": {"separator": 1}}})",
     "InvalidArgument: at $.chunk_key_encoding.configuration.separator: expected \"/\" or "
     "\".\", got 1"},
    {R"({"chunk_key_encoding": {"name": "v2", "configuration": {"separator": null}}})",
     "InvalidArgument: at $.chunk_key_encoding.configuration.separator: expected \"/\" or "
     "\".\", got null"},
    {R"({"chunk_key_encoding": {"name": "default", "configuration": {"separator": "/", "prefix":
          "c"}}})",
     "InvalidArgument: at $.chunk_key_encoding.configuration: unknown member \"prefix\""},
    {R"({"chunk_key_encoding": {"name": "default", "must_understand": false}})",
     "InvalidArgument: at $.chunk_key_encoding.must_understand: false is not allowed here"},
    {R"({"chunk_key_encoding": {"name": "v1"}})",
     "Unimplemented: at $.chunk_key_encoding: chunk key encoding \"v1\" is not supported"},
    {R"({"chunk_key_encoding": null})",
     "InvalidArgument: at $.chunk_key_encoding: expected a name or an object, got null"},
    // fill_value:
    {R"({"fill_value": "absent"})", "InvalidArgument: at $: missing member \"fill_value\""},
    {R"({"fill_value": null})",
     "InvalidArgument: at $.fill_value: expected an integer from 0 to 65535, got null"},
    {R"({"data_type": "bool", "fill_value": 0})",
     "InvalidArgument: at $.fill_value: expected true or false, got 0"},
    {R"({"data_type": "uint8", "fill_value": 256})",
     "InvalidArgument: at $.fill_value: expected an integer from 0 to 255, got 256"},
    {R"({"data_type": "int8", "fill_value": 1.5})",
     "InvalidArgument: at $.fill_value: expected an integer from -128 to 127, got 1.5"},
    {R"({"data_type": "int8", "fill_value": "1"})",
     "InvalidArgument: at $.fill_value: expected an integer from -128 to 127, got \"1\""},
    {R"({"data_type": "float32", "fill_value": "nan"})",
     "InvalidArgument: at $.fill_value: expected a number, \"NaN\", \"Infinity\", "
     "\"-Infinity\" or \"0x\" and 8 hexadecimal digits, got \"nan\""},
    {R"({"data_type": "float32", "fill_value": "inf"})",
     "InvalidArgument: at $.fill_value: expected a number, \"NaN\", \"Infinity\", "
     "\"-Infinity\" or \"0x\" and 8 hexadecimal digits, got \"inf\""},
    {R"({"data_type": "float32", "fill_value": "0x7fc0"})",
     "InvalidArgument: at $.fill_value: expected a number, \"NaN\", \"Infinity\", "
     "\"-Infinity\" or \"0x\" and 8 hexadecimal digits, got \"0x7fc0\""},
    {R"({"data_type": "complex64", "fill_value": [1]})",
     "InvalidArgument: at $.fill_value: expected a list of two numbers, got [1]"},
    {R"({"data_type": "complex64", "fill_value": [1, 2, 3]})",
     "InvalidArgument: at $.fill_value: expected a list of two numbers, got [1,2,3]"},
    {R"({"data_type": "r32", "fill_value": [1, 2, 3]})",
     "InvalidArgument: at $.fill_value: expected a list of 4 bytes, got [1,2,3]"},
    {R"({"data_type": "r32", "fill_value": [0, 0, 256, 0]})",
     "InvalidArgument: at $.fill_value[2]: expected an integer from 0 to 255, got 256"},
    {R"({"data_type": "float4_e2m1fn", "fill_value": "NaN"})",
     "Unimplemented: at $.data_type: data type \"float4_e2m1fn\" is not supported"},
    {R"({"data_type": {"name": "fixed_length_utf32", "configuration": {"length_bytes": 4}},
          "fill_value": "ab"})",
     "Unimplemented: at $.data_type: data type \"fixed_length_utf32\" is not supported"},
    // codecs:
    {R"({"codecs": "absent"})", "InvalidArgument: at $: missing member \"codecs\""},
    {R"({"codecs": []})", "InvalidArgument: at $.codecs: no array -> bytes codec"},
    {R"({"codecs": {}})", "InvalidArgument: at $.codecs: expected an array, got {}"},
    {R"({"codecs": null})", "InvalidArgument: at $.codecs: expected an array, got null"},
    {R"({"codecs": [1]})",
     "InvalidArgument: at $.codecs[0]: expected a codec (a name or an object), got 1"},
    {R"({"codecs": ["crc32c"]})", "InvalidArgument: at $.codecs: no array -> bytes codec"},
    {R"({"codecs": ["bytes"]})",
     "InvalidArgument: at $.codecs[0] (bytes): \"endian\" is required for uint16"},
    {R"({"codecs": [{"name": "bytes"}]})",
     "InvalidArgument: at $.codecs[0] (bytes): \"endian\" is required for uint16"},
    {R"({"codecs": [{"configuration": {}}]})",
     "InvalidArgument: at $.codecs[0]: missing member \"name\""},
    {R"({"codecs": [{"name": "bytes", "configuration": {"endian": "native"}}]})",
     "InvalidArgument: at $.codecs[0].configuration.endian: expected \"little\" or \"big\", got "
     "\"native\""},
    {R"({"codecs": [{"name": "bytes", "configuration": {"endian": "little", "x": 1}}]})",
     "InvalidArgument: at $.codecs[0].configuration: unknown member \"x\""},
    {R"({"codecs": [{"name": "bytes", "configuration": {"endian": "little"}, "x": 1}]})",
     "InvalidArgument: at $.codecs[0]: unknown member \"x\""},
    {R"({"codecs": [{"name": "bytes", "configuration": {"endian": "little"}, "must_understand":
          1}]})",
     "InvalidArgument: at $.codecs[0].must_understand: expected true or false, got 1"},
    {R"({"codecs": [{"name": "bytes", "configuration": {"endian": "little"}}, {"name": "bytes",
          "configuration": {"endian": "little"}}]})",
     "InvalidArgument: at $.codecs[1] (bytes): a second array -> bytes codec"},
    {R"({"codecs": [{"name": "bytes", "configuration": {"endian": "little"}}, {"name":
          "transpose", "configuration": {"order": [1, 0]}}]})",
     "InvalidArgument: at $.codecs[1] (transpose): array -> array cannot follow array -> bytes "
     "(bytes)"},
    {R"({"codecs": [{"name": "gzip", "configuration": {"level": 1}}, {"name": "bytes",
          "configuration": {"endian": "little"}}]})",
     "InvalidArgument: at $.codecs[1] (bytes): array -> bytes cannot follow bytes -> bytes "
     "(gzip)"},
    {R"({"codecs": [{"name": "transpose", "configuration": {"order": [0, 0]}}, {"name": "bytes",
          "configuration": {"endian": "little"}}]})",
     "InvalidArgument: at $.codecs[0].configuration.order[1]: expected each dimension once, "
     "got 0"},
    {R"({"codecs": [{"name": "transpose", "configuration": {"order": [1, 2]}}, {"name": "bytes",
          "configuration": {"endian": "little"}}]})",
     "InvalidArgument: at $.codecs[0].configuration.order[1]: expected an integer from 0 to 1, got "
     "2"},
    {R"({"codecs": [{"name": "transpose", "configuration": {"order": [0]}}, {"name": "bytes",
          "configuration": {"endian": "little"}}]})",
     "InvalidArgument: at $.codecs[0] (transpose): \"order\" has 1 dimensions, the chunk 2"},
    {R"({"codecs": [{"name": "transpose", "configuration": {"order": "F"}}, {"name": "bytes",
          "configuration": {"endian": "little"}}]})",
     "InvalidArgument: at $.codecs[0].configuration.order: expected an array, got \"F\""},
    {R"({"codecs": [{"name": "bytes", "configuration": {"endian": "little"}}, {"name": "gzip",
          "configuration": {"level": 10}}]})",
     "InvalidArgument: at $.codecs[1].configuration.level: expected an integer from 0 to 9, got "
     "10"},
    {R"({"codecs": [{"name": "bytes", "configuration": {"endian": "little"}}, {"name": "gzip"}]})",
     "InvalidArgument: at $.codecs[1].configuration: missing member \"level\""},
    {R"({"codecs": [{"name": "bytes", "configuration": {"endian": "little"}}, {"name": "zstd",
          "configuration": {"level": 23}}]})",
     "InvalidArgument: at $.codecs[1].configuration.level: expected an integer from -131072 to 22, "
     "got 23"},
    {R"({"codecs": [{"name": "bytes", "configuration": {"endian": "little"}}, {"name": "zstd",
          "configuration": {"level": "high"}}]})",
     "InvalidArgument: at $.codecs[1].configuration.level: expected an integer from -131072 to 22, "
     "got \"high\""},
    {R"({"codecs": [{"name": "bytes", "configuration": {"endian": "little"}}, {"name": "zstd",
          "configuration": {"level": 1, "checksum": 1}}]})",
     "InvalidArgument: at $.codecs[1].configuration.checksum: expected true or false, got 1"},
    {R"({"codecs": [{"name": "bytes", "configuration": {"endian": "little"}}, {"name": "crc32c",
          "configuration": {"location": "end"}}]})",
     "InvalidArgument: at $.codecs[1].configuration: unknown member \"location\""},
    {R"({"codecs": [{"name": "bytes", "configuration": {"endian": "little"}}, {"name": "blosc",
          "configuration": {"cname": "lz4", "clevel": 5, "shuffle": "shuffle", "blocksize": 0}}]})",
     "InvalidArgument: at $.codecs[1].configuration: missing member \"typesize\""},
    {R"({"codecs": [{"name": "bytes", "configuration": {"endian": "little"}}, {"name": "blosc",
          "configuration": {"cname": "lz4", "clevel": 10, "shuffle": "noshuffle", "blocksize":
          0}}]})",
     "InvalidArgument: at $.codecs[1].configuration.clevel: expected an integer from 0 to 9, got "
     "10"},
    {R"({"codecs": [{"name": "bytes", "configuration": {"endian": "little"}}, {"name": "blosc",
          "configuration": {"cname": "brotli", "clevel": 5, "shuffle": "noshuffle", "blocksize":
          0}}]})",
     "InvalidArgument: at $.codecs[1].configuration.cname: expected blosclz, lz4, lz4hc, snappy, "
     "zlib or zstd, got \"brotli\""},
    {R"({"codecs": [{"name": "bytes", "configuration": {"endian": "little"}}, {"name": "blosc",
          "configuration": {"cname": "lz4", "clevel": 5, "shuffle": "shuffle", "typesize": 0,
          "blocksize": 0}}]})",
     "InvalidArgument: at $.codecs[1].configuration.typesize: expected an integer from 1 to "
     "2147483647, got 0"},
    {R"({"codecs": [{"name": "bytes", "configuration": {"endian": "little"}}, {"name": "blosc",
          "configuration": {"cname": "lz4", "clevel": 5, "shuffle": 1, "typesize": 2, "blocksize":
          0}}]})",
     "InvalidArgument: at $.codecs[1].configuration.shuffle: expected noshuffle, shuffle or "
     "bitshuffle, got 1"},
    {R"({"data_type": "int32", "codecs": ["vlen-utf8"]})",
     "Unimplemented: at $.codecs[0]: codec \"vlen-utf8\" is not known here"},
    {R"({"codecs": [{"name": "bytes", "configuration": {"endian": "little"}}, {"name":
          "zipline"}]})",
     "Unimplemented: at $.codecs[1]: codec \"zipline\" is not known here"},
    {R"({"codecs": [{"name": "bytes", "configuration": {"endian": "little"}}, {"name":
          "zipline", "must_understand": true}]})",
     "Unimplemented: at $.codecs[1]: codec \"zipline\" is not known here"},
    {R"({"codecs": [{"name": "zipline", "must_understand": false}]})",
     "InvalidArgument: at $.codecs: no array -> bytes codec"},
    // sharding:
    {R"({"codecs": [{"name": "sharding_indexed", "configuration": {"chunk_shape": [2, 2],
          "codecs": [{"name": "bytes", "configuration": {"endian": "little"}}], "index_codecs":
          [{"name": "bytes", "configuration": {"endian": "little"}}]}}]})",
     "InvalidArgument: at $.codecs[0] (sharding_indexed): \"chunk_shape\" [2, 2] does not divide "
     "the shard of shape [2, 3]"},
    {R"({"codecs": [{"name": "sharding_indexed", "configuration": {"chunk_shape": [1], "codecs":
          [{"name": "bytes", "configuration": {"endian": "little"}}], "index_codecs": [{"name":
          "bytes", "configuration": {"endian": "little"}}]}}]})",
     "InvalidArgument: at $.codecs[0] (sharding_indexed): \"chunk_shape\" [1] for a shard of shape "
     "[2, 3]"},
    {R"({"codecs": [{"name": "sharding_indexed", "configuration": {"chunk_shape": [0, 3],
          "codecs": [{"name": "bytes", "configuration": {"endian": "little"}}], "index_codecs":
          [{"name": "bytes", "configuration": {"endian": "little"}}]}}]})",
     "InvalidArgument: at $.codecs[0].configuration.chunk_shape[0]: expected an integer >= 1, got "
     "0"},
    {R"({"codecs": [{"name": "sharding_indexed", "configuration": {"chunk_shape": [1, 3],
          "codecs": [{"name": "bytes", "configuration": {"endian": "little"}}], "index_codecs":
          [{"name": "bytes", "configuration": {"endian": "little"}}, {"name": "gzip",
          "configuration": {"level": 1}}]}}]})",
     "InvalidArgument: at $.codecs[0] (sharding_indexed): in \"index_codecs\": the encoded size of "
     "the index must not depend on its values"},
    {R"({"codecs": [{"name": "sharding_indexed", "configuration": {"chunk_shape": [1, 3],
          "codecs": [{"name": "bytes", "configuration": {"endian": "little"}}], "index_codecs":
          [{"name": "bytes", "configuration": {"endian": "little"}}], "index_location":
          "middle"}}]})",
     "InvalidArgument: at $.codecs[0].configuration.index_location: expected \"start\" or \"end\", "
     "got \"middle\""},
    {R"({"codecs": [{"name": "sharding_indexed", "configuration": {"chunk_shape": [1, 3],
          "codecs": [], "index_codecs": [{"name": "bytes", "configuration": {"endian":
          "little"}}]}}]})",
     "InvalidArgument: at $.codecs[0].configuration.codecs: expected at least one codec, "
     "got []"},
    {R"({"codecs": [{"name": "sharding_indexed", "configuration": {"chunk_shape": [1, 3],
          "codecs": [{"name": "bytes", "configuration": {"endian": "little"}}]}}]})",
     "InvalidArgument: at $.codecs[0].configuration: missing member \"index_codecs\""},
    {R"({"codecs": [{"name": "sharding_indexed", "configuration": {"chunk_shape": [1, 3],
          "codecs": [{"name": "bytes", "configuration": {"endian": "little"}}, {"name": "zstd",
          "configuration": {"level": 99}}], "index_codecs": [{"name": "bytes", "configuration":
          {"endian": "little"}}]}}]})",
     "InvalidArgument: at $.codecs[0].configuration.codecs[1].configuration.level: expected an "
     "integer from -131072 to 22, got 99"},
    {R"({"codecs": [{"name": "sharding_indexed", "configuration": {"chunk_shape": [1, 3],
          "codecs": [{"name": "bytes"}], "index_codecs": [{"name": "bytes", "configuration":
          {"endian": "little"}}]}}]})",
     "InvalidArgument: at $.codecs[0] (sharding_indexed): in \"codecs\": codecs[0] (bytes): "
     "\"endian\" is required for uint16"},
    {R"({"codecs": [{"name": "sharding_indexed", "configuration": {"chunk_shape": [1, 3],
          "codecs": [{"name": "sharding_indexed", "configuration": {"chunk_shape": [1, 2],
          "codecs": [{"name": "bytes", "configuration": {"endian": "little"}}], "index_codecs":
          [{"name": "bytes", "configuration": {"endian": "little"}}]}}], "index_codecs": [{"name":
          "bytes", "configuration": {"endian": "little"}}]}}]})",
     "InvalidArgument: at $.codecs[0] (sharding_indexed): in \"codecs\": codecs[0] "
     "(sharding_indexed): \"chunk_shape\" [1, 2] does not divide the shard of shape [1, 3]"},
    {R"({"chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [1073741824,
          1048576]}}, "codecs": [{"name": "sharding_indexed", "configuration": {"chunk_shape":
          [65536, 65536], "codecs": [{"name": "bytes", "configuration": {"endian": "little"}}],
          "index_codecs": [{"name": "bytes", "configuration": {"endian": "little"}}]}}]})",
     "Unimplemented: at $.codecs: a chunk of shape [65536, 65536] has 8589934592 bytes; at most "
     "4294967296 are decoded as one"},
    {R"({"chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [1073741824,
          1048576]}}, "codecs": [{"name": "sharding_indexed", "configuration": {"chunk_shape": [1,
          1], "codecs": [{"name": "bytes", "configuration": {"endian": "little"}}],
          "index_codecs": [{"name": "bytes", "configuration": {"endian": "little"}}]}}]})",
     "InvalidArgument: at $.codecs[0] (sharding_indexed): \"chunk_shape\" [1, 1] makes more than "
     "2^26 inner chunks of the shard of shape [1073741824, 1048576]"},
    // the rest:
    {R"({"dimension_names": ["x"]})",
     "InvalidArgument: at $.dimension_names: expected a list with a name or null for each of 2 "
     "dimensions, got [\"x\"]"},
    {R"({"dimension_names": ["x", 1]})",
     "InvalidArgument: at $.dimension_names[1]: expected a string or null, got 1"},
    {R"({"dimension_names": "xy"})",
     "InvalidArgument: at $.dimension_names: expected a list with a name or null for each of 2 "
     "dimensions, got \"xy\""},
    {R"({"dimension_names": null})",
     "InvalidArgument: at $.dimension_names: expected a list with a name or null for each of 2 "
     "dimensions, got null"},
    {R"({"attributes": []})", "InvalidArgument: at $.attributes: expected an object, got []"},
    {R"({"attributes": null})", "InvalidArgument: at $.attributes: expected an object, got null"},
    {R"({"storage_transformers": [{"name": "sharding"}]})",
     "Unimplemented: at $.storage_transformers[0]: storage transformer \"sharding\" is not "
     "supported"},
    {R"({"storage_transformers": ["sharding"]})",
     "Unimplemented: at $.storage_transformers[0]: storage transformer \"sharding\" is not "
     "supported"},
    {R"({"storage_transformers": {}})",
     "InvalidArgument: at $.storage_transformers: expected an array, got {}"},
    {R"({"extra": 1})",
     "InvalidArgument: at $: unknown member \"extra\" without \"must_understand\": false"},
    {R"({"extra": []})",
     "InvalidArgument: at $: unknown member \"extra\" without \"must_understand\": false"},
    {R"({"extra": {}})",
     "InvalidArgument: at $: unknown member \"extra\" without \"must_understand\": false"},
    {R"({"extra": null})",
     "InvalidArgument: at $: unknown member \"extra\" without \"must_understand\": false"},
    {R"({"extra": "x"})",
     "InvalidArgument: at $: unknown member \"extra\" without \"must_understand\": false"},
    {R"({"extra": {"must_understand": "false"}})",
     "InvalidArgument: at $: unknown member \"extra\" without \"must_understand\": false"},
    {R"({"extra": {"must_understand": true}})",
     "InvalidArgument: at $: unknown member \"extra\" without \"must_understand\": false"},
    {R"({"extra": {"must_understand": 0}})",
     "InvalidArgument: at $: unknown member \"extra\" without \"must_understand\": false"},
    {R"({"consolidated_metadata": null})",
     "InvalidArgument: at $: unknown member \"consolidated_metadata\" without \"must_understand\": "
     "false"},
};

}  // namespace coffer::zarr3

#endif  // COFFER_TESTS_UNIT_DRIVERS_ZARR3_BAD_DOCUMENTS_H_
