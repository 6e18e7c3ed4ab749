#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The checks see: each is given a small tree with planted violations and must name every one of
them, and must fail where there is nothing to look at."""
import contextlib
import io
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

import banned
import exports
import files
import format as format_check
import headers
import includes
import mentions
import names
import options
import purity
import sources
import units
import walkthrough

HERE = pathlib.Path(__file__).parent
CC = os.environ.get("CC", "cc").split()
GPL = "/* SPDX-License-Identifier: GPL-2.0-or-later */\n"


class Planted(unittest.TestCase):
    def setUp(self):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="udlm-shape-"))
        self.addCleanup(shutil.rmtree, self.root)

    def plant(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def run_check(self, check, *arguments):
        """(exit status, output lines)"""
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            status = check(*[str(a) for a in arguments])
        return status, out.getvalue().splitlines()

    def expect(self, lines, *findings):
        """Each of findings is in one line, and there are no others but the summary."""
        for finding in findings:
            self.assertTrue(any(finding in line for line in lines), (finding, lines))
        self.assertEqual(len(lines), len(findings) + 1, lines)

    def archive(self, name, **sources):
        objects = []
        for stem, text in sources.items():
            source, target = self.plant(f"{stem}.c", text), self.root / f"{stem}.c.o"
            subprocess.run([*CC, "-c", "-fPIC", "-O0", source, "-o", target], check=True)
            objects.append(target)
        path = self.root / name
        subprocess.run(["ar", "rcs", path, *objects], check=True)
        return path


class Includes(Planted):
    def test_good_tree(self):
        self.plant("src/base/pure/list.h", "#pragma once\n#include <stddef.h>\n")
        self.plant("src/engine/lock.h", '#pragma once\n#include "base/pure/list.h"\n')
        self.plant("src/engine/lock.c", '// why\n#include "engine/lock.h"\n#include <string.h>\n')
        self.plant("src/lockd/main.c", '#include <unistd.h>\n#include "engine/lock.h"\n')
        status, lines = self.run_check(includes.main, self.root)
        self.assertEqual((status, lines), (0, ["includes: looked at 4, 0 findings"]))

    def test_every_violation_is_named(self):
        self.plant("include/libdlm.h", "")
        self.plant("src/base/log.h", "")
        self.plant("src/base/pure/clock.h", "#include <time.h>\n")
        self.plant("src/engine/a.h", '#include "engine/b.h"\n')
        self.plant("src/engine/b.h", '#include "engine/a.h"\n')
        self.plant("src/engine/lock.h", "")
        self.plant("src/engine/lock.c", '#include <string.h>\n#include "engine/lock.h"\n'
                   '#include <unistd.h>\n#include "base/log.h"\n#include "nowhere.h"\n'
                   '#include "../base/log.h"\n')
        self.plant("src/lib/dlm.c", '#include <libdlm.h>\n#include "engine/lock.h"\n')
        self.plant("src/lockd/transport/tcp.c", '#include "engine/lock.h"\n')
        self.plant("src/control/driver/user.h", "")
        self.plant("src/control/cluster/x.c", '#include "control/driver/user.h"\n')
        self.plant("src/control/group/x.c", '#include "control/cluster/none.h"\n')
        self.plant("src/tool/x.c", '/* #include "engine/lock.h" */\n#include "engine/lock.h"\n')
        self.plant("src/novel/x.c", "")
        status, lines = self.run_check(includes.main, self.root)
        self.assertEqual(status, 1)
        self.expect(
            lines, "src/base/pure/clock.h:1: <time.h>", "headers include each other",
            "src/engine/lock.c: does not include its own header",
            "src/engine/lock.c:3: <unistd.h>", "src/engine/lock.c:4: src/engine may not include",
            'src/engine/lock.c:5: "nowhere.h"', 'src/engine/lock.c:6: "../base/log.h"',
            "src/lib/dlm.c:2: src/lib may not include src/engine",
            "src/lockd/transport/tcp.c:1: src/lockd/transport may not include src/engine",
            "src/control/cluster/x.c:1: src/control/cluster may not include src/control/driver",
            'src/control/group/x.c:1: "control/cluster/none.h"',
            "src/tool/x.c:2: src/tool may not include src/engine", "src/novel/x.c: its folder")

    def test_nothing(self):
        self.assertEqual(self.run_check(includes.main, self.root)[0], 1)


class Purity(Planted):
    allowed = HERE / "purity.allowed"

    def test_good_archives(self):
        one = self.archive("one.a", one="int two(void); int one(void) { return two(); }\n"
                           'const char *const names[] = {"a", "b"};\n')
        two = self.archive("two.a", two="#include <string.h>\n"
                           "int two(void) { return (int)strlen(\"x\"); }\n")
        status, lines = self.run_check(purity.main, self.allowed, one, two)
        self.assertEqual((status, lines), (0, ["purity: looked at 2, 0 findings"]))

    def test_every_violation_is_named(self):
        archive = self.archive(
            "bad.a",
            clock="#include <time.h>\nlong clock_now(void) { return time(NULL); }\n",
            counter="int counter_next(void) { static int n; return ++n; }\n",
            start="int start_at = 7;\n",
            pointer="extern int x; int *pointer_to = &x; int x;\n",
            local="_Thread_local int local_state;\n")
        status, lines = self.run_check(purity.main, self.allowed, archive)
        self.assertEqual(status, 1)
        self.assertIn("clock.c.o: needs time", lines)
        for name in ("counter", "start", "pointer", "local"):
            self.assertTrue(any(line.startswith(f"{name}.c.o:") and "writable" in line
                                for line in lines), (name, lines))

    def test_nothing(self):
        self.assertEqual(self.run_check(purity.main, self.allowed)[0], 1)


class Names(Planted):
    def test_findings_and_exceptions(self):
        archive = self.archive("part.a", lock="int lock_find(void) { return 0; }\n"
                               "int part_lock_new(void) { return 0; }\n"
                               "int find_lock(void) { return 0; }\nint odd(void) { return 0; }\n"
                               "static int mine(void) { return 0; }\n"
                               "int lock_use(void) { return mine(); }\n",
                               sub_queue="int queue_add(void) { return 0; }\n"
                               "int queued(void) { return 0; }\n")
        listed = self.plant("exceptions", "# why not\npart/odd the ABI says so\npart/old gone\n")
        status, lines = self.run_check(names.main, listed, "part", archive)
        self.assertEqual(status, 1)
        self.expect(lines, "lock.c.o: find_lock()", "sub_queue.c.o: queued()", "part/old: nothing")

    def test_exception_needs_a_reason(self):
        listed = self.plant("exceptions", "part/odd\n")
        with self.assertRaises(SystemExit):
            self.run_check(names.main, listed)

    def test_nothing(self):
        self.assertEqual(self.run_check(names.main, self.plant("none", ""))[0], 1)


class Files(Planted):
    def test_findings(self):
        self.plant("src/engine/good.c", GPL)
        self.plant("src/engine/none.c", "int x;\n" + GPL)
        self.plant("src/engine/lesser.c", GPL.replace("GPL-2.0", "LGPL-2.1"))
        self.plant("src/lib/dlm.c", GPL)
        self.plant("tool", "#!/bin/sh\n# SPDX-License-Identifier: GPL-2.0-or-later\n")
        self.plant("script", "#!/bin/sh\necho\n")
        self.plant("big.bin", "x" * (files.BYTES_MAX + 1))
        self.plant("notes.md", "no licence wanted\n")
        status, lines = self.run_check(files.main, self.root)
        self.assertEqual(status, 1)
        self.expect(lines, "src/engine/none.c: no SPDX", "src/engine/lesser.c: says LGPL",
                    "src/lib/dlm.c: says GPL", "script: no SPDX", "big.bin: ")

    def test_nothing(self):
        self.assertEqual(self.run_check(files.main, self.root)[0], 1)


class Banned(Planted):
    def test_findings(self):
        self.plant("src/engine/x.c", 'void f(char *a)\n{\n\tstrcpy(a, "atoi(1)");\n'
                   '\t/* gets(a) */\n\tx->system(a); my_system(a);\n\tprintf("%p", a);\n}\n'
                   "// FIXME later\n// TODO: this\n// TODO(issue 3): that\n")
        self.plant("tests/y.c", 'int main(void)\n{\n\tusleep(5);\n\tprintf("%p", x);\n}\n')
        status, lines = self.run_check(banned.main, self.root)
        self.assertEqual(status, 1)
        self.expect(lines, "src/engine/x.c:3: strcpy()", "src/engine/x.c:6: %p",
                    "src/engine/x.c:8: FIXME", "src/engine/x.c:9: TODO", "tests/y.c:3: usleep()")

    def test_nothing(self):
        self.assertEqual(self.run_check(banned.main, self.root)[0], 1)


class Format(Planted):
    def test_findings(self):
        self.plant(".clang-format", "BasedOnStyle: LLVM\n")
        self.plant("good.c", "int x;\n")
        self.plant("bad.c", "int y;\nint   x;\n")
        status, lines = self.run_check(format_check.main, self.root)
        self.assertEqual(status, 1)
        self.expect(lines, "bad.c:2: ")

    def test_nothing(self):
        self.plant(".clang-format", "BasedOnStyle: LLVM\n")
        self.assertEqual(self.run_check(format_check.main, self.root)[0], 1)


class Units(Planted):
    def test_findings(self):
        for name in ("src/engine/lock.c", "src/engine/queue.c", "src/lockd/transport/tcp.c",
                     "src/tool/main.c", "tests/unit/engine/test_lock.c",
                     "tests/unit/lockd/test_tcp.c"):
            self.plant(name, "")
        listed = self.plant("exceptions", "tool/main.c wiring only\nengine/lock.c has one now\n")
        status, lines = self.run_check(units.main, self.root, listed)
        self.assertEqual(status, 1)
        self.expect(lines, "src/engine/queue.c: no tests/unit/engine/test_queue.c",
                    "engine/lock.c: nothing needs")

    def test_nothing(self):
        (self.root / "src").mkdir()
        self.assertEqual(self.run_check(units.main, self.root, self.plant("none", ""))[0], 1)


class Headers(Planted):
    good = ("#ifndef GOOD_H\n#define GOOD_H\n#ifdef __cplusplus\nextern \"C\" {\n#endif\n"
            "int f(void);\n#ifdef __cplusplus\n}\n#endif\n#endif\n")

    def test_good(self):
        self.plant("include/good.h", self.good)
        status, lines = self.run_check(headers.main, self.root / "include")
        self.assertEqual((status, lines), (0, ["headers: looked at 1, 0 findings"]))

    def test_findings(self):
        self.plant("include/needs.h", self.good.replace("int f(void)", "void f(mode_t mode)"))
        self.plant("include/comment.h", "// not C89\n" + self.good)
        self.plant("include/word.h", self.good.replace("int f(void)", "int f(int new)"))
        status, lines = self.run_check(headers.main, self.root / "include")
        self.assertEqual(status, 1)
        text = "\n".join(lines)
        for finding in ("needs.h: cc", "needs.h: c++", "comment.h: cc", "word.h: c++"):
            self.assertIn(finding, text)

    def test_nothing(self):
        self.assertEqual(self.run_check(headers.main, self.root / "include")[0], 1)


class Exports(Planted):
    def library(self):
        source = self.plant("x.c", "int dlm_a(void) { return 1; }\nint dlm_b(void) { return 2; }\n"
                            "int hidden(void) { return 3; }\n")
        version = self.plant("x.map", "V1 {\nglobal:\n\tdlm_a; dlm_b; /* dlm_e; */\nlocal: *;\n};\n")
        target = self.root / "libx.so"
        subprocess.run([*CC, "-shared", "-fPIC", source, f"-Wl,--version-script={version}",
                        "-o", target], check=True)
        return target, version

    def test_agreement(self):
        target, version = self.library()
        header = self.plant("x.h", "struct s { int (*f)(void); };\ntypedef int (*callback)(void *);\n"
                            "#define M(x) \\\n\tf(x)\nextern int dlm_a(void);\nint dlm_b(void);\n")
        for name in ("dlm_a", "dlm_b"):
            self.plant(f"man/{name}.3", "")
        status, lines = self.run_check(exports.main, target, version, header, self.root / "man")
        self.assertEqual((status, lines), (0, ["exports: looked at 2, 0 findings"]))

    def test_findings(self):
        target, version = self.library()
        header = self.plant("x.h", "int dlm_a(void);\nint dlm_c(int (*f)(void *x));\n")
        self.plant("man/dlm_b.3", "")
        status, lines = self.run_check(exports.main, target, version, header, self.root / "man")
        self.assertEqual(status, 1)
        self.expect(lines, "dlm_a: is missing in the manual",
                    "dlm_b: is missing in the header", "dlm_c: is missing in the library",
                    "dlm_c: is missing in the version script", "dlm_c: is missing in the manual")


class Mentions(Planted):
    def test_findings(self):
        self.plant("src/engine/lock.c", "/* after lock_find(), lock_gone(), lock_x(), other_gone() */\n"
                   "int lock_find(void)\n{\n\treturn 0; /*\n * engine_nothing() */\n}\n")
        status, lines = self.run_check(mentions.main, self.root)
        self.assertEqual(status, 1)
        self.expect(lines, "src/engine/lock.c:1: lock_gone()", "src/engine/lock.c:5: engine_nothing()")

    def test_nothing(self):
        self.plant("src/x.c", "")
        self.assertEqual(self.run_check(mentions.main, self.root)[0], 1)


class Options(Planted):
    def test_findings(self):
        program = self.plant("program", "#!/bin/sh\ncat <<E\n  --good | -g 0|1\n        help [1]\n\n"
                             "  --other <str>\n        help [x]\n\n  --missing <int>\n        help [2]\n"
                             "\n  --help | -h\n        print\nE\n")
        program.chmod(0o755)
        example = self.plant("dlm.conf", "# words\n#good = 1\n#other = y\nstrange = 1\n")
        status, lines = self.run_check(options.main, program, example)
        self.assertEqual(status, 1)
        self.expect(lines, "missing is missing", "other = y, but", "strange is no option")


class Sources(Planted):
    def test_findings(self):
        self.plant("docs/wire.md", "# Wire\n## 5.1 Modes\n### Value blocks\n")
        self.plant("src/engine/x.h", '/*\n * Source: docs/wire.md, "Modes" and\n * "Value blocks".\n'
                   ' */\n/* Source: docs/wire.md, "Nothing". */\n/* Source: docs/gone.md */\n')
        status, lines = self.run_check(sources.main, self.root)
        self.assertEqual(status, 1)
        self.expect(lines, 'src/engine/x.h:5: docs/wire.md has no heading "Nothing"',
                    "src/engine/x.h:6: docs/gone.md")

    def test_nothing(self):
        self.assertEqual(self.run_check(sources.main, self.root)[0], 1)


class Walkthrough(Planted):
    def test_findings(self):
        self.plant("src/engine/lock.c", "int\tlock_find(int x)\n{\n\treturn lock_gone(x);\n}\n"
                   "/*\nint lock_old(void)\n*/\nstatic struct lock *lock_get(void)\n{\n}\n")
        self.plant("docs/page.md", "`lock_find()` calls `lock_get()`, not `lock_gone()`\n"
                   "`lock_old()` in `src/engine/lock.c` and `src/engine/nothing.c`\n")
        status, lines = self.run_check(walkthrough.main, self.root, "docs/page.md")
        self.assertEqual(status, 1)
        self.expect(lines, "docs/page.md:1: lock_gone()", "docs/page.md:2: lock_old()",
                    "docs/page.md:2: src/engine/nothing.c")

    def test_nothing(self):
        self.plant("src/x.c", "")
        self.plant("docs/page.md", "no names\n")
        self.assertEqual(self.run_check(walkthrough.main, self.root, "docs/page.md")[0], 1)


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    unittest.main()
