// Several threads at one store: conditional writes are exact, values whole, futures always resolve.
#include <atomic>
#include <barrier>
#include <charconv>
#include <functional>
#include <thread>

#include "src/testing/kvstore_cases.h"

namespace coffer::inline v0::testing {

namespace {

int Effort(const KvSubject& s, int count) {
  return std::max(1, static_cast<int>(count * s.parameters.effort));
}

/// Runs body(index) on several threads at once.
void OnThreads(int count, const std::function<void(int)>& body) {
  std::barrier together(count);
  std::vector<std::thread> threads;
  for (int i = 0; i < count; ++i) {
    threads.emplace_back([&, i] {
      together.arrive_and_wait();
      body(i);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

/// Adds one to the counter at the key by compare and swap.
void Increment(KvStore& store, const std::string& key) {
  for (;;) {
    const ReadResult read = store.Read(key).Get().OrDie();
    int64_t value = 0;
    if (read.state == ReadResult::State::kValue) {
      const std::string_view text = read.value.text();
      std::from_chars(text.data(), text.data() + text.size(), value);
    }
    const WriteResult written =
        store.Write(key, Bytes::Copy(std::to_string(value + 1)), {.if_equal = read.generation})
            .Get()
            .OrDie();
    if (written.state == WriteResult::State::kWritten) return;
  }
}

constexpr KvCase kCases[] = {
    {"CountersLoseNoIncrement",
     [](const KvSubject& s) {
       if (!s->capabilities().conditional_write) GTEST_SKIP() << "no exact conditions";
       const int each = Effort(s, 50);
       OnThreads(4, [&](int) {
         for (int i = 0; i < each; ++i) Increment(*s.store, "counter");
       });
       EXPECT_EQ(s.Get("counter"), std::to_string(4 * each));
     },
     KvChange::kWrite},
    {"ExactlyOneCreates",
     [](const KvSubject& s) {
       const Capabilities can = s->capabilities();
       if (!can.conditional_write && !can.conditional_create) GTEST_SKIP() << "no exact conditions";
       for (int round = 0; round < Effort(s, 20); ++round) {
         const std::string key = "d/k" + std::to_string(round);
         std::atomic<int> winner{-1};
         std::atomic<int> winners{0};
         OnThreads(4, [&](int i) {
           if (s.Write(key, std::to_string(i), {.if_equal = Generation::Missing()}) == "written") {
             winner = i;
             ++winners;
           }
         });
         EXPECT_EQ(winners, 1);
         EXPECT_EQ(s.Get(key), std::to_string(winner));
       }
     },
     KvChange::kWrite},
    {"ExactlyOneDeletes",
     [](const KvSubject& s) {
       if (!s->capabilities().conditional_delete) GTEST_SKIP() << "no exact conditions";
       for (int round = 0; round < Effort(s, 20); ++round) {
         const Generation generation = s.Put("k", "v");
         std::atomic<int> winners{0};
         OnThreads(4, [&](int) {
           if (s.Write("k", std::nullopt, {.if_equal = generation}) == "written") ++winners;
         });
         EXPECT_EQ(winners, 1);
         EXPECT_EQ(s.Get("k"), "(missing)");
       }
     },
     KvChange::kDelete},
    {"ReadersSeeWholeValues",
     [](const KvSubject& s) {
       constexpr size_t kSize = 100'000;
       s.Put("k", std::string(kSize, 'a'));
       std::atomic<bool> done{false};
       OnThreads(4, [&](int i) {
         if (i < 2) {
           for (int n = 0; n < Effort(s, 30); ++n) {
             const std::string value(kSize, static_cast<char>('b' + n % 20));
             EXPECT_EQ(s.Write("k", value), "written");
           }
           done = true;
           return;
         }
         while (!done) {
           const std::string value = s.Get("k");
           if (s.read_only() && value.starts_with("Aborted: ")) continue;  // Of several reads.
           ASSERT_EQ(value, std::string(kSize, value.empty() ? 'a' : value[0]));
         }
       });
     }},
    {"RangesAreOfOneGenerationWhileWritersWrite",
     [](const KvSubject& s) {
       constexpr size_t kSize = 200'000;
       s.Put("k", std::string(kSize, 'a'));
       std::atomic<bool> done{false};
       OnThreads(3, [&](int i) {
         if (i == 0) {
           for (int n = 0; n < Effort(s, 40); ++n) {
             const std::string value(kSize, static_cast<char>('b' + n % 20));
             EXPECT_EQ(s.Write("k", value), "written");
           }
           done = true;
           return;
         }
         while (!done) {
           const Result<ReadRangesResult> read =
               s->ReadRanges("k", {ByteRange::Span(0, 10), ByteRange::Span(100'000, 100'010),
                                   ByteRange::Last(10)})
                   .Get();
           if (!read.ok()) {
             ASSERT_EQ(read.status().code(), StatusCode::kAborted) << read.status();
             continue;
           }
           ASSERT_EQ(read->values.size(), 3u);
           ASSERT_EQ(read->values[0], read->values[1]);
           ASSERT_EQ(read->values[0], read->values[2]);
         }
       });
     }},
    {"ManyKeysAtOnce",
     [](const KvSubject& s) {
       const int each = Effort(s, 25);
       OnThreads(4, [&](int i) {
         std::vector<Future<WriteResult>> writes;
         for (int n = 0; n < each; ++n) {
           const std::string name = std::to_string(i) + "/" + std::to_string(n);
           const std::string key = "d" + std::to_string(n % 5) + "/" + name;
           writes.push_back(s.writer->Write(key, Bytes::Copy(name)));
         }
         for (Future<WriteResult>& write : writes) std::move(write).Get().OrDie();
       });
       for (int i = 0; i < 4; ++i) {
         for (int n = 0; n < each; ++n) {
           const std::string name = std::to_string(i) + "/" + std::to_string(n);
           EXPECT_EQ(s.Get("d" + std::to_string(n % 5) + "/" + name), name);
         }
       }
     }},
    {"WritesOfOneKeyQueueUp",
     [](const KvSubject& s) {
       std::vector<Future<WriteResult>> writes;
       for (int i = 0; i < 40; ++i) writes.push_back(s->Write("k", Bytes::Copy(std::to_string(i))));
       std::vector<Generation> generations;
       for (Future<WriteResult>& write : writes) {
         generations.push_back(std::move(write).Get().OrDie().generation);
       }
       const ReadResult read = s->Read("k").Get().OrDie();
       // In the order of the calls, as far as one thread can tell.
       EXPECT_EQ(read.value.text(), "39");
       EXPECT_EQ(read.generation, generations.back());
     },
     KvChange::kWrite},
    {"MixedWritersOfOneKey",
     [](const KvSubject& s) {
       // Creators, deleters, streamers: whatever is read was written whole.
       OnThreads(4, [&](int i) {
         for (int n = 0; n < Effort(s, 25); ++n) {
           if (i == 0) {
             s->Write("d/k", std::nullopt).Get().OrDie();
           } else if (i == 1) {
             auto writer = s->OpenWriter("d/k").OrDie();
             ASSERT_TRUE(writer->Append(AsBytes("str")).ok());
             ASSERT_TRUE(writer->Append(AsBytes("eam")).ok());
             writer->Commit().Get().OrDie();
           } else if (i == 2) {
             s->Write("d/k", Bytes::Copy("single")).Get().OrDie();
           } else {
             EXPECT_THAT(s.Get("d/k"), ::testing::AnyOf("(missing)", "stream", "single"));
           }
         }
       });
       if (s->capabilities().listable) {
         EXPECT_THAT(s.Keys(),
                     ::testing::AnyOf(::testing::IsEmpty(), ::testing::ElementsAre("d/k")));
       }
     },
     KvChange::kOpenWriter},
    {"WritersAgainstDeleteRange",
     [](const KvSubject& s) {
       if (!s->capabilities().listable) GTEST_SKIP() << "the cases of listings show the refusal";
       OnThreads(3, [&](int i) {
         for (int n = 0; n < Effort(s, 25); ++n) {
           if (i == 0) {
             const Status status = s->DeleteRange(KeyRange::Prefix("d/")).Get();
             EXPECT_TRUE(status.ok()) << status;
           } else {
             s.Put("d/e" + std::to_string(i) + "/k" + std::to_string(n), "v");
           }
         }
       });
       s.Put("d/e1/last", "v");
       EXPECT_EQ(s.Get("d/e1/last"), "v");
     },
     KvChange::kDeleteRange},
    {"FuturesOutliveTheStore",
     [](const KvSubject& s) {
       KvSubject another = MakeKvSubject(s.parameters);
       std::vector<Future<WriteResult>> writes;
       std::vector<Future<ReadResult>> reads;
       for (int i = 0; i < 10; ++i) {
         writes.push_back(another.writer->Write("k" + std::to_string(i), Bytes::Copy("v")));
         reads.push_back(another->Read("k" + std::to_string(i)));
       }
       another.store.reset();
       another.writer.reset();
       for (Future<WriteResult>& write : writes) {
         EXPECT_EQ(std::move(write).Get().OrDie().state, WriteResult::State::kWritten);
       }
       for (Future<ReadResult>& read : reads) EXPECT_TRUE(read.Get().ok());
     }},
    {"DroppedFuturesLetTheWorkGoOn",
     [](const KvSubject& s) {
       static_cast<void>(s.writer->Write("k", Bytes::Copy("v")));
       static_cast<void>(s->Read("k"));
       EXPECT_EQ(s.Write("k", "w"), "written");
       EXPECT_EQ(s.Get("k"), "w");
     }},
};

}  // namespace

std::span<const KvCase> KvThreadCases() { return kCases; }

}  // namespace coffer::inline v0::testing
