// Memory that is read as it is at that moment, as a network card would read it: words of a record that change in place
// and, in a copy, records that are being written, which another round sends again. ThreadSanitizer is not to take such
// reads, or the system call's, for races. Threads: any; the object lives where the reads are.
#pragma once

#if defined(__SANITIZE_THREAD__)
extern "C" void AnnotateIgnoreReadsBegin(const char* file, int line);
extern "C" void AnnotateIgnoreReadsEnd(const char* file, int line);
#endif

namespace lmc::replication {

class ReadsAsACardWould {
 public:
#if defined(__SANITIZE_THREAD__)
  ReadsAsACardWould() {
    AnnotateIgnoreReadsBegin(__FILE__, __LINE__);
  }
  ~ReadsAsACardWould() {
    AnnotateIgnoreReadsEnd(__FILE__, __LINE__);
  }
#else
  ReadsAsACardWould() {}
#endif
  ReadsAsACardWould(const ReadsAsACardWould&) = delete;
  ReadsAsACardWould& operator=(const ReadsAsACardWould&) = delete;
};

}  // namespace lmc::replication
