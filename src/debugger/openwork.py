"""gdb that understands Openwork's tasks: `help async` lists the commands.

The script is part of every program that uses the crate (`debugger_visualizer` in src/lib.rs), and gdb loads it with
the program. It needs gdb 13 or later with Python, and debug information (`[profile.release] debug = 2`). It reads
memory and never calls a function of the program, so it works on a running process and on a core file alike.

The way: the static `RUNTIMES` leads to each runtime (`Shared`), its lists of tasks, and each task. A task's future is
the state machine that the compiler made of an `async fn`, a *coroutine* here. Its field `__state` says at which
`.await` it is suspended, and the field `__awaitee` of that state is the future that it awaits. So the chain of awaits
is a walk from field to field, which ends at a *leaf*, a future of this crate: a sleep, a lock, a socket.

The sections: memory and types; DWARF, for the lines of awaits; looking for things in a value; futures; runtimes and
tasks; threads; what a leaf waits for; the commands that show; the commands that step; pretty-printers.
"""

import itertools
import os
import re
import socket
import struct
import time
import zlib

import gdb

# The layout of the engine's types that this script was written for: `OPENWORK_LAYOUT_VERSION` in scheduler.rs.
LAYOUT_VERSION = 1


class Failed(gdb.GdbError):
    """A line for the user: what is wrong, and what to do."""


NO_DEBUG_INFO = ("there is no debug information for openwork: build with `[profile.release] debug = 2`, "
                 "or with CARGO_PROFILE_RELEASE_DEBUG=2")

# ---- memory and types ----


class Language:
    """Within it, expressions and type names are read in this language, whatever that of the current frame is."""

    def __init__(self, name):
        self.name = name

    def __enter__(self):
        self.before = gdb.parameter("language")
        gdb.execute("set language " + self.name, to_string=True)

    def __exit__(self, *_):
        gdb.execute("set language " + self.before, to_string=True)


def read(address, size):
    return gdb.selected_inferior().read_memory(address, size).tobytes()


def read_int(address, size):
    return int.from_bytes(read(address, size), "little")


def at(kind, address):
    """The value of a type at an address. It is read only when it is needed."""
    return gdb.Value(address).cast(kind.pointer()).dereference()


def search_inside(value, is_it, what):
    """The outermost value for which `is_it(value.type)` holds: this one, or one that it contains."""
    level = [value]
    while level:
        for each in level:
            if is_it(each.type):
                return each
        level = [each[field] for each in level for field in inner_fields(each.type)]
    raise Failed("this script does not know the layout of %s (no %s)" % (value.type, what))


def find(value, *path):
    """The field with this name, in the value or in the wrappers around it; then the next one of the path in that."""
    for name in path:
        value = search_inside(value, lambda type_: has_field(type_, name), "field " + name)[name]
    return value


def find_type(value, prefix):
    """The part of a value, within wrappers, whose type's name begins so."""
    return search_inside(value, lambda type_: name_of(type_).startswith(prefix), prefix)


def has_field(kind, name):
    return kind.code == gdb.TYPE_CODE_STRUCT and any(field.name == name for field in kind.fields())


def inner_fields(kind):
    if kind.code not in (gdb.TYPE_CODE_STRUCT, gdb.TYPE_CODE_UNION):
        return []
    return [field for field in kind.fields() if field.type.code in (gdb.TYPE_CODE_STRUCT, gdb.TYPE_CODE_UNION)]


def peel(value):
    """The number or pointer within wrappers such as `AtomicU32`, `UnsafeCell`, `NonNull` and `Unique`."""
    while value.type.code == gdb.TYPE_CODE_STRUCT:
        fields = [field for field in value.type.fields() if field.type.sizeof > 0]
        if not fields:
            raise Failed("this script does not know the layout of %s" % value.type)
        value = value[fields[0]]
    return value


def integer(value, *path):
    return int(peel(find(value, *path)))


def text(value):
    """A `&str`."""
    pointer, length = peel(find(value, "data_ptr")), integer(value, "length")
    return read(int(pointer), length).decode("utf-8", "replace")


def elements(vector, element=None):
    """The addresses of a vector's or boxed slice's elements, and their type."""
    if element is None:
        element = vector.type.template_argument(0)
    if has_field(vector.type, "data_ptr"):
        start, length = vector["data_ptr"], int(vector["length"])
    else:
        start, length = peel(find(vector, "ptr")), int(find(vector, "len"))
    return [int(start) + index * element.sizeof for index in range(length)], element


def variant(value):
    """The name of an enum's active variant, and its content."""
    fields = [field for field in value.type.fields() if not field.artificial]
    return (fields[0].name, value[fields[0]]) if fields else (None, None)


def some(value):
    """What is in an `Option`, or None."""
    name, content = variant(value)
    return content[content.type.fields()[0]] if name == "Some" else None


TYPES = {}


def lookup(name):
    if name not in TYPES:
        try:
            found = gdb.lookup_type(name)
        except gdb.error:
            raise Failed("the debug information has no type %s" % name)
        if found.code == gdb.TYPE_CODE_NAMESPACE:
            found = gdb.lookup_static_symbol(name, gdb.SYMBOL_STRUCT_DOMAIN).type
        TYPES[name] = found
    return TYPES[name]


CONCRETE = {}


def concrete(pointer):
    """The type behind a pointer to a trait object, by its vtable."""
    vtable = int(pointer["vtable"])
    if vtable not in CONCRETE:
        gdb.set_convenience_variable("__openwork", pointer)
        try:
            named = gdb.parse_and_eval("*$__openwork").type
            # By its name: the type of that very value has the variants that are active there, and no others.
            CONCRETE[vtable] = None if named.code == gdb.TYPE_CODE_VOID else lookup(named.name)
        except (gdb.error, gdb.GdbError):
            CONCRETE[vtable] = None
    return CONCRETE[vtable]


def fat_pointer(value):
    """The struct with `pointer` and `vtable` in an `Arc` or `Box` of a trait object; None if it is no such thing."""
    while value.type.code == gdb.TYPE_CODE_STRUCT and not has_field(value.type, "vtable"):
        value = value[next(field for field in value.type.fields() if field.type.sizeof > 0)]
    return value if value.type.code == gdb.TYPE_CODE_STRUCT else None


def arc_data(arc):
    """The address of what is in an `Arc`: past its two counts, and padded to its alignment."""
    fat = fat_pointer(arc)
    if fat is not None:
        return int(fat["pointer"]) + max(16, read_int(int(fat["vtable"]) + 16, 8))
    return int(peel(arc)) + max(16, arc.type.template_argument(0).alignof)


# ---- DWARF: the line of each await ----
#
# It is an attribute of the state's member in the debug information, which gdb does not hand to Python. So this reads
# the little that is needed: of each coroutine, the file and line of each of its states. A compilation unit without the
# name `__state` has no coroutine and is skipped, which leaves out most of a program.


class Reader:
    """A position in a section, and what can be read there."""

    def __init__(self, sections, name, position=0):
        self.sections, self.data, self.position = sections, sections.get(name, b""), position

    def number(self, size):
        self.position += size
        return int.from_bytes(self.data[self.position - size:self.position], "little")

    def skip(self, size):
        self.position += size

    def leb128(self):
        value = shift = 0
        while True:
            byte = self.number(1)
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    def string(self):
        start, end = self.position, self.data.index(b"\0", self.position)
        self.position = end + 1
        return self.data[start:end].decode("utf-8", "replace")

    def form(self, form, constant=None, offsets=8):
        """The value of an attribute: a number or a string, or None for what is only skipped. (The standard, 7.5.6.)"""
        if form in SIZES:
            number = self.number(SIZES[form])
            if form in STRING_OFFSETS:
                return Reader(self.sections, STRING_OFFSETS[form], number).string()
            return constant if form == 0x21 else number if form not in INDEXED else self.indexed(number, offsets)
        if form in (0x0D, 0x0F, 0x15, 0x1A, 0x1B, 0x22, 0x23):
            number = self.leb128()
            return self.indexed(number, offsets) if form == 0x1A else number
        if form == 0x08:
            return self.string()
        if form in (0x09, 0x18):
            self.skip(self.leb128())
        elif form in (0x0A, 0x03, 0x04):
            self.skip(self.number({0x0A: 1, 0x03: 2, 0x04: 4}[form]))
        else:
            raise ValueError("unknown form %#x" % form)
        return None

    def indexed(self, index, offsets):
        where = Reader(self.sections, ".debug_str_offsets", offsets + 4 * index).number(4)
        return Reader(self.sections, ".debug_str", where).string()


# The size of a form's value, where it is always the same; those that are an offset of a string, or an index of one.
SIZES = {
    0x01: 8, 0x05: 2, 0x06: 4, 0x07: 8, 0x0B: 1, 0x0C: 1, 0x0E: 4, 0x10: 4, 0x11: 1, 0x12: 2, 0x13: 4, 0x14: 8,
    0x17: 4, 0x19: 0, 0x1C: 4, 0x1E: 16, 0x1F: 4, 0x20: 8, 0x21: 0, 0x24: 8, 0x25: 1, 0x26: 2, 0x27: 3, 0x28: 4,
    0x29: 1, 0x2A: 2, 0x2B: 3, 0x2C: 4,
}
STRING_OFFSETS = {0x0E: ".debug_str", 0x1F: ".debug_line_str"}
INDEXED = (0x25, 0x26, 0x27, 0x28)
# Tags and attributes.
UNIT, NAMESPACE, STRUCT, MEMBER, VARIANT_PART, VARIANT, VARIABLE = 0x11, 0x39, 0x13, 0x0D, 0x33, 0x19, 0x34
NAME, LINE_TABLE, FILE, LINE, TYPE, STRINGS = 0x03, 0x10, 0x3A, 0x3B, 0x49, 0x72


class Dwarf:
    """The lines of the coroutines in one file: `lines[type name][state] = (file, line)`."""

    def __init__(self, path):
        # By the type of an awaited future: the states that await one, and where the variable is that holds it.
        self.lines, self.tables, self.awaiting, self.variables = {}, {}, [], {}
        with open(path, "rb") as file:
            self.sections = read_sections(file)
        strings = self.sections.get(".debug_str", b"")
        names = [struct.pack("<I", found.start()) for found in re.finditer(rb"(__state|__awaitee)\0", strings)]
        info, position = self.sections.get(".debug_info", b""), 0
        while names and position + 12 < len(info):
            size, version = struct.unpack_from("<IH", info, position)
            end = position + 4 + size
            # Version 5 refers to strings by an index.
            if version == 5 or any(info.find(name, position, end) >= 0 for name in names):
                self.read_unit(Reader(self.sections, ".debug_info", position + 6), position, end, version)
            position = end
        for path, state, awaited in self.awaiting:
            lines = self.lines.get(path, {})
            if state in lines and "0" in lines and lines[state][0] != lines["0"][0]:
                # It is in a macro of another file, `join!` or `select!`. The variable has the line of the macro's call.
                lines[state] = self.variables.get(awaited, lines[state])

    def read_unit(self, reader, start, end, version):
        if version == 5:
            kind, _ = reader.number(1), reader.number(1)
            table = self.abbreviations(reader.number(4))
            # A skeleton of split debug information has an id.
            reader.skip(8 if kind in (4, 5) else 0)
        else:
            table, _ = self.abbreviations(reader.number(4)), reader.number(1)
        self.files, self.line_table, offsets, stack = None, None, 8, []
        while reader.position < end:
            code = reader.leb128()
            if code == 0:
                if stack:
                    stack.pop()
                continue
            tag, children, attributes, size = table[code]
            above = stack[-1][0] if stack else None
            # A member matters only as the discriminant of a variant part, as the content of a variant, and in a state.
            is_variant = above in (VARIANT_PART, VARIANT)
            is_state = above == STRUCT and stack[-1][1].get(NAME, "").startswith("Suspend")
            if tag in (UNIT, NAMESPACE, STRUCT, VARIABLE) or (tag == MEMBER and (is_variant or is_state)):
                found = {name: reader.form(form, constant, offsets) for name, form, constant in attributes}
            elif size is None:
                found = None
                for _, form, _ in attributes:
                    reader.form(form)
            else:
                found = None
                reader.skip(size)
            if tag == UNIT:
                self.line_table, offsets = found.get(LINE_TABLE), found.get(STRINGS, 8)
            elif tag in (MEMBER, VARIABLE) and found and found.get(NAME) == "__awaitee":
                # A type in this unit is given relative to its start.
                awaited = found.get(TYPE, 0) + (start if (TYPE, 0x13) in [each[:2] for each in attributes] else 0)
                if tag == VARIABLE:
                    self.variables[awaited] = self.place(found)
                else:
                    state = int(stack[-1][1][NAME][len("Suspend"):]) + 3
                    self.awaiting.append((self.path(stack[:-1]), str(state), awaited))
            elif tag == MEMBER and found:
                self.read_member(stack, found)
            if children:
                stack.append([tag, found, False])

    def read_member(self, stack, found):
        if stack[-1][0] == VARIANT_PART:
            stack[-1][2] = found.get(NAME) == "__state"
        elif stack[-2][2] and LINE in found:
            self.lines.setdefault(self.path(stack), {})[found[NAME]] = self.place(found)

    @staticmethod
    def path(stack):
        return "::".join(each[1].get(NAME, "") for each in stack if each[0] in (NAMESPACE, STRUCT))

    def place(self, found):
        if self.files is None:
            self.files = self.read_files() if self.line_table is not None else {}
        return self.files.get(found.get(FILE), "?"), found.get(LINE, 0)

    def abbreviations(self, offset):
        """For each code: the tag, whether it has children, its attributes, and their size if it is always the same."""
        if offset in self.tables:
            return self.tables[offset]
        reader, found = Reader(self.sections, ".debug_abbrev", offset), {}
        while True:
            code = reader.leb128()
            if code == 0:
                break
            tag, children, attributes = reader.leb128(), reader.number(1), []
            while True:
                name, form = reader.leb128(), reader.leb128()
                constant = reader.leb128() if form == 0x21 else None
                if form == 0:
                    break
                attributes.append((name, form, constant))
            sizes = [SIZES.get(form) for _, form, _ in attributes]
            found[code] = (tag, children, attributes, None if None in sizes else sum(sizes))
        self.tables[offset] = found
        return found

    def read_files(self):
        """The files of the unit's line table: its header is all that is read of it."""
        reader, files = Reader(self.sections, ".debug_line", self.line_table), {}
        _, version = reader.number(4), reader.number(2)
        # Up to the number of special opcodes, whose lengths come next.
        reader.skip((version == 5 and 2) + 4 + (version >= 4) + 4)
        reader.skip(reader.number(1) - 1)
        if version == 5:
            folders = [name for name, _ in self.file_table(reader)]
            names = enumerate(self.file_table(reader))
            return {number: os.path.join(folders[folder], name) for number, (name, folder) in names}
        folders = [""]
        while (name := reader.string()) != "":
            folders.append(name)
        while (name := reader.string()) != "":
            files[len(files) + 1] = os.path.join(folders[reader.leb128()], name)
            reader.leb128(), reader.leb128()
        return files

    @staticmethod
    def file_table(reader):
        columns = [(reader.leb128(), reader.leb128()) for _ in range(reader.number(1))]
        for _ in range(reader.leb128()):
            # 1 is the name, 2 the index of its folder.
            row = {content: reader.form(form) for content, form in columns}
            yield row.get(1, "?"), row.get(2, 0)


def read_sections(file):
    """The sections of an ELF file that have to do with names and lines."""
    header = file.read(64)
    if header[:5] != b"\x7fELF\x02":
        return {}
    offset, = struct.unpack_from("<Q", header, 40)
    entry, count, names = struct.unpack_from("<HHH", header, 58)
    file.seek(offset)
    table = [struct.unpack("<IIQQQQIIQQ", file.read(entry)[:64]) for _ in range(count)]

    def content(row):
        file.seek(row[4])
        # Compressed: a header of 24 bytes, then zlib's format.
        return zlib.decompress(file.read(row[5])[24:]) if row[2] & 0x800 else file.read(row[5])

    strings = content(table[names])
    wanted = [".debug_" + name for name in ("info", "abbrev", "str", "line", "line_str", "str_offsets")]
    named = [(strings[row[0]:strings.index(b"\0", row[0])].decode(), row) for row in table]
    return {name: content(row) for name, row in named if name in wanted}


LINES = None


def await_line(type_, state):
    """The file and line of a coroutine's state, or None."""
    global LINES
    if LINES is None:
        LINES = {}
        for objfile in gdb.objfiles():
            if objfile.is_valid() and os.path.exists(objfile.filename):
                try:
                    LINES.update(Dwarf(objfile.filename).lines)
                except (OSError, ValueError, IndexError, KeyError, struct.error, zlib.error) as error:
                    gdb.write("openwork: no lines of awaits from %s (%s)\n" % (objfile.filename, error))
        if not LINES:
            gdb.write("openwork: the program's files have no lines of awaits (is its debug information split off?)\n")
    return LINES.get(type_.name, {}).get(str(state))


# ---- looking for things in a value ----


class Plan:
    """Where in the values of a type the things are that a search looks for. It is made once for each type; to search
    thousands of values is then to add offsets and to read a few numbers.

    `kind`: found (it is such a thing), pointer, dyn (a trait object), slice (or vector), enum, struct. `parts`: what
    comes next.
    """

    def __init__(self, type_, kind, parts=()):
        self.type, self.kind, self.parts, self.name = type_, kind, parts, name_of(type_)


def name_of(type_):
    return type_.name or str(type_)


class Search:
    """`wanted(type)` says what it looks for (anything but None: it is kept in the plan's `parts`). Types whose name
    begins with a match of `closed` are not looked into. With `owned`, references and boxes are not followed either."""

    DEPTH, ELEMENTS = 24, 100

    def __init__(self, wanted, closed, owned=False):
        self.wanted, self.closed, self.owned, self.plans = wanted, re.compile(closed), owned, {}

    def plan(self, type_, depth=0):
        type_ = type_.strip_typedefs()
        name = name_of(type_)
        if name not in self.plans:
            # A type that contains itself, behind a pointer: it is looked into once.
            self.plans[name] = None
            self.plans[name] = self.make(type_, name, depth) if depth < self.DEPTH else None
        return self.plans[name]

    def make(self, type_, name, depth):
        if type_.code == gdb.TYPE_CODE_PTR:
            target = None if self.owned else self.plan(type_.target(), depth + 1)
            return target and Plan(type_, "pointer", target)
        if type_.code != gdb.TYPE_CODE_STRUCT:
            return None
        found = self.wanted(type_)
        if found is not None:
            return Plan(type_, "found", found)
        fields = type_.fields()
        if sorted(field.name or "" for field in fields) == ["pointer", "vtable"]:
            return Plan(type_, "dyn") if "dyn core::future::future::Future" in name and not self.owned else None
        is_vector = name.startswith("alloc::vec::Vec<")
        is_slice = "data_ptr" in [field.name for field in fields]
        if self.closed.match(name) or (is_slice and self.owned):
            return None
        if is_slice or is_vector:
            target = self.plan(type_.template_argument(0) if is_vector else type_["data_ptr"].type.target(), depth + 1)
            return target and Plan(type_, "slice", target)
        if type_.dynamic and any(field.artificial for field in fields):
            variants = {field.name: self.parts(field.type, depth) for field in fields if not field.artificial}
            return Plan(type_, "enum", variants) if any(variants.values()) else None
        parts = self.parts(type_, depth)
        return Plan(type_, "struct", parts) if parts else None

    def parts(self, type_, depth=0):
        fields = [field for field in type_.fields() if hasattr(field, "bitpos")]
        plans = [(field.bitpos // 8, self.plan(field.type, depth + 1)) for field in fields]
        return [(offset, plan) for offset, plan in plans if plan]

    def walk(self, plan, address, depth=0):
        """The plans and addresses of what is found in the value at an address."""
        if plan is None or depth > self.DEPTH:
            return []
        if plan.kind == "found":
            return [(plan, address)]
        parts = ()
        if plan.kind == "struct":
            parts = plan.parts
        elif plan.kind == "pointer":
            address = read_int(address, 8)
            parts = [(0, plan.parts)] if address else ()
        elif plan.kind == "enum":
            name, content = variant(at(plan.type, address))
            parts = plan.parts.get(name, ())
            address = int(content.address) if content is not None else address
        elif plan.kind == "slice":
            starts, _ = elements(at(plan.type, address), plan.parts.type)
            address, parts = 0, [(start, plan.parts) for start in starts[:self.ELEMENTS]]
        elif plan.kind == "dyn":
            pointer = at(plan.type, address)
            type_, address = concrete(pointer), int(pointer["pointer"])
            parts = [(0, self.plan(type_) or Plan(type_, "found", "opaque"))] if type_ else ()
        return [found for offset, part in parts for found in self.walk(part, address + offset, depth + 1)]


# ---- futures ----


class State:
    """One state of a coroutine: not started, at one of its awaits, returned."""

    def __init__(self, field, captured):
        self.type, self.awaited, parts = field.type, None, field.type.fields()
        for part in parts:
            if part.name == "__awaitee":
                self.awaited = (part.bitpos // 8, future_plan(part.type))
        own = [part for part in parts[:len(parts) - captured] if not part.name.startswith("__")]
        self.variables, self.captured = own, parts[len(parts) - captured:]

    def locals(self):
        """Its variables. An argument has moved into a variable of its own, unless that is not needed any more."""
        names = [field.name for field in self.variables]
        return [field for field in self.captured if field.name not in names] + self.variables


class Coroutine:
    """A coroutine's type: where its state is, and what each state awaits."""

    def __init__(self, fields):
        tag = next(field for field in fields if field.name == "__state")
        self.offset, self.size = tag.bitpos // 8, tag.type.sizeof
        self.fields = {int(field.name): field for field in fields if field.name != "__state"}
        self.states = {}

    def state(self, number):
        if number not in self.states and number in self.fields:
            # Arguments and captured variables come last in each state; before the first poll there is nothing else.
            self.states[number] = State(self.fields[number], len(self.fields[0].type.fields()))
        return self.states.get(number)


# Of this crate: futures that wait for others, and show them. All other futures of the crate are leaves.
WAITS_FOR_OTHERS = re.compile(
    r"^openwork::(future::|stream::|runtime::(?!join_handle)|time::(timeout|interval)::"
    r"|task::(local|budget|tracker|lent|scope)::|sync::cancellation::run)")
# These only hold other futures: a chain leaves them out.
TRANSPARENT = re.compile(
    r"^(core|alloc|std)::|^\(|^openwork::future::join_all::Child"
    r"|^openwork::future::(maybe_done|join|macros|either)::(?!Concurrent)"
    # The closure in which `block_on` polls its future, and what reports these polls.
    r"|^openwork::runtime::handle::|^openwork::engine::root::RootTrace$")


def future_kind(type_):
    """What a future is to a chain of awaits: a `Coroutine`, "leaf", "group" (of other futures); None if it is no
    future, or only holds one."""
    name = name_of(type_)
    fields = type_.fields()
    if any(field.name == "__state" for field in fields):
        return Coroutine(fields)
    if TRANSPARENT.match(name) or sorted(field.name or "" for field in fields) == ["pointer", "vtable"]:
        return None
    if name.startswith("openwork::") and not WAITS_FOR_OTHERS.match(name):
        return "leaf"
    if type_.dynamic and any(field.artificial for field in fields):
        return None
    return "group" if FUTURES.parts(type_) else None


FUTURES = Search(future_kind, r"core::task::wake|core::marker|alloc::sync::Arc<|std::(sync|thread|io)")
GUARDS = Search(lambda type_: True if name_of(type_).startswith("openwork::sync::acquire::PermitGuard<") else None,
                r"core::marker|std::thread", owned=True)


def future_plan(type_):
    return FUTURES.plan(type_) or Plan(type_, "found", "opaque")


class Node:
    """A future of a task that waits, and the futures that it awaits."""

    def __init__(self, plan, address):
        self.plan, self.type, self.name, self.kind, self.address = plan, plan.type, plan.name, plan.parts, address
        self.state = self.number = None
        if isinstance(self.kind, Coroutine):
            self.number = read_int(address + self.kind.offset, self.kind.size)
            self.state = self.kind.state(self.number)

    @property
    def line(self):
        return await_line(self.type, self.number) if self.state else None

    def children(self):
        if self.state and self.state.awaited:
            offset, plan = self.state.awaited
            return [Node(*found) for found in FUTURES.walk(plan, self.address + offset)]
        if self.kind == "group":
            parts = FUTURES.parts(self.type)
            return [Node(*each) for offset, part in parts for each in FUTURES.walk(part, self.address + offset, 1)]
        return []

    def value(self):
        return at(self.type, self.address)

    def guards(self):
        """The guards that a coroutine keeps, and whether that is certain: a value that a block has captured may have
        moved since, or is dropped. The arguments of an `async fn` have moved into variables at its first poll."""
        fields = [(field, True) for field in (self.state.variables if self.number else self.state.captured)]
        if self.number and "{async_fn_env" not in self.name:
            fields += [(field, False) for field in self.state.captured]
        for field, is_certain in fields:
            for plan, address in GUARDS.walk(GUARDS.plan(field.type), self.address + field.bitpos // 8):
                yield at(plan.type, address), is_certain

    def title(self):
        if isinstance(self.kind, Coroutine):
            return function_name(self.name)
        for start, title in (("false", "join!"), ("true", "select!")):
            if self.name.startswith("openwork::future::maybe_done::Concurrent<" + start):
                return title
        return short(self.name)


def short(name):
    """A type's name without its path and its parameters. A closure has the name of its function."""
    return [part for part in without_parameters(name).split("::") if not part.startswith("{closure")][-1]


def function_name(name):
    """The path of the `async fn` or block of a coroutine's type."""
    name = re.sub(r"(\{async_\w+#\d+\})<.*", r"\1", name).replace("_env#", "#")
    name = re.sub(r"::\{async_fn#\d+\}", "", name)
    return re.sub(r"\{async_(block|closure)#(\d+)\}", r"{async \1 \2}", name)


def place(line):
    """`file.rs:12`, with a path in the registry or in the standard library cut short."""
    if line is None:
        return "?"
    file, number = line
    for start in ("/registry/src/", "/rustc/"):
        if start in file:
            file = "…/" + file.partition(start)[2].partition("/")[2]
    return "%s:%d" % (file, number)


# ---- runtimes and tasks ----


def state_name(bits):
    """The state byte in words; the flags are those of state.rs."""
    if bits & 1:
        return "complete"
    name = {0: "idle", 64: "scheduled", 128: "running", 192: "running, woken"}[bits & 192]
    return name + (", aborted" if bits & 2 else "")


class Task:
    """A task: its header, and its future."""

    def __init__(self, runtime, type_, address):
        self.runtime, self.type, self.address = runtime, type_, address
        if type_.name not in TASK_LAYOUTS:
            TASK_LAYOUTS[type_.name] = self.layout(type_)
        header, fields, self.future_offset, self.plan = TASK_LAYOUTS[type_.name]
        self.header = address + header
        content = read(self.header, max(end for _, end in fields.values()))
        part = {name: int.from_bytes(content[start:end], "little") for name, (start, end) in fields.items()}
        self.id, self.parent, self.polls, self.bits = part["id"], part["parent"], part["polls"], part["state"]
        self.worker = part["running_on"] - 1 if part["running_on"] else None
        self.location, self.id_offset, self.abort_handles = part["location"], fields["id"][0], part["abort_handles"]
        self.name = "task %d" % self.id

    @staticmethod
    def layout(type_):
        fields = {field.name: field for field in type_.fields()}
        header = fields["header"]
        parts = {part.name: (part.bitpos // 8, part.bitpos // 8 + part.type.sizeof) for part in header.type.fields()}
        stage = fields["stage"]
        # `UnsafeCell<Stage<F>>`, and the variant that holds the future until the task is complete.
        future = next(field for field in stage.type["value"].type.fields() if field.name == "Future")
        content = future.type.fields()[0]
        offset = (stage.bitpos + future.bitpos + content.bitpos) // 8
        return header.bitpos // 8, parts, offset, future_plan(content.type)

    @property
    def is_running(self):
        return bool(self.bits & 128) and not self.bits & 1

    @property
    def state(self):
        return state_name(self.bits)

    @property
    def is_waker_lost(self):
        """Whether the task waits and no waker of it exists, as in `Header::is_waker_lost`: each reference is a waker,
        but for that in the list of owned tasks, and the handles."""
        references = read_int(self.address - max(16, self.type.alignof), 8)
        return self.state == "idle" and references == 1 + (not self.bits & 8) + self.abort_handles

    def spawned(self):
        """The file and line of its spawn."""
        return location_at(self.location)

    def futures(self):
        """The outermost futures: one, unless the task's future only holds several."""
        return [Node(*found) for found in FUTURES.walk(self.plan, self.address + self.future_offset)]

    def future(self):
        return at(self.plan.type, self.address + self.future_offset)


# The functions that poll: a task; the future of `block_on`, on a worker or beside them.
POLLERS = ("openwork::engine::worker::poll_task", "openwork::engine::root::block_on",
           "openwork::engine::block_on::block_on")
# The name of a function that is the body of an `async fn`, block or closure.
BODY = re.compile(r"\{async_(fn|block|closure)#\d+\}(<.*>)?$")


class Root:
    """The future of `block_on`, which is no task: it is a variable of that function's frame."""

    id, polls, name, parent, is_waker_lost = "root", "", "the root future", 0, False

    def __init__(self, thread, pinned, frames):
        self.thread, self.pointer = thread, peel(pinned)
        # Of the frames that `block_on` has called: it polls the future, or a task, or it parks.
        called = [name for name in frames[::-1] if BODY.search(name) or name.startswith(POLLERS[:1])]
        self.is_running = bool(called) and not called[0].startswith(POLLERS[:1])
        self.state = "running" if self.is_running else "idle"

    def spawned(self):
        return None

    def futures(self):
        plan = future_plan(self.pointer.type.target())
        return [Node(*found) for found in FUTURES.walk(plan, int(self.pointer))]


TASK_LAYOUTS, LOCATIONS = {}, {}


def location_at(address):
    if address not in LOCATIONS:
        location = at(lookup("core::panic::location::Location"), address)
        LOCATIONS[address] = (text(location), integer(location, "line"))
    return LOCATIONS[address]


class Runtime:
    """One runtime: the value of its `Shared`."""

    def __init__(self, shared):
        self.shared, self.id = shared, integer(shared, "id")
        remotes, type_ = elements(shared["remotes"], lookup("openwork::engine::scheduler::Remote"))
        self.remotes = [at(type_, address) for address in remotes]
        self.driver, self.clock = shared["driver"], None

    def tasks(self):
        """Every task that is not complete."""
        for owned in [remote["owned"] for remote in self.remotes] + [self.shared["spawned_outside"]]:
            addresses, type_ = elements(find(owned, "tasks"))
            for address in addresses:
                pointer = fat_pointer(at(type_, address))
                kind = concrete(pointer)
                if kind is None:
                    raise Failed(NO_DEBUG_INFO)
                task = Task(self, kind, arc_data(pointer))
                if task.state != "complete":
                    yield task

    def timers(self):
        return find(self.driver["timers"], "data", "value")

    def deadlines(self):
        """Of each timer: the deadline, the generation, the waker."""
        timers = self.timers()
        slots = dict(slab(timers["slots"]))
        addresses, type_ = elements(find(timers["heap"], "data"))
        for address in addresses:
            entry = find(at(type_, address), "__0")
            slot = slots.get(integer(entry, "key"))
            if slot is not None and integer(slot, "generation") == integer(entry, "generation"):
                yield integer(entry, "deadline"), integer(entry, "generation"), some(slot["waker"])

    def sources(self):
        """The registered descriptors."""
        for _, arc in slab(find(self.driver["reactor"]["sources"], "data", "value")["slab"]):
            yield at(lookup("openwork::engine::reactor::Source"), arc_data(arc))

    def read_clock(self):
        """The clock's origin, and the time on its scale, in nanoseconds. Of a core file: when the timers were last
        looked at."""
        if self.clock is None:
            clock = at(lookup("openwork::engine::clock::Clock"), arc_data(self.driver["clock"]))
            state = find(clock["state"], "data", "value")
            now, since = nanos(state["elapsed"]), some(state["running_since"])
            if since is not None:
                passed = time.clock_gettime_ns(time.CLOCK_MONOTONIC) - nanos(since)
                now = now + passed if is_live() else integer(self.timers(), "now")
            self.clock = nanos(clock["origin"]), now
        return self.clock


def nanos(value):
    """A `Duration` or an `Instant` of std."""
    seconds, rest = ("secs", "nanos") if "Duration" in value.type.name else ("tv_sec", "tv_nsec")
    return integer(value, seconds) * 10**9 + integer(value, rest)


def is_live():
    """Whether this is a process of this machine, whose clock and descriptors can be asked."""
    inferior = gdb.selected_inferior()
    return inferior.pid > 0 and getattr(inferior.connection, "type", "") == "native"


class World:
    """What there is at this stop: the runtimes, their tasks by id and by address, the root futures."""

    def __init__(self):
        check_program()
        self.runtimes = list(runtimes())
        tasks = [task for runtime in self.runtimes for task in runtime.tasks()]
        self.tasks = sorted(tasks, key=lambda task: task.id)
        self.by_id = {task.id: task for task in self.tasks}
        self.by_address = {task.address: task for task in self.tasks}
        self.locks = {}

    def find(self, words):
        if words[:1] == ["root"]:
            roots = find_roots()
            if not roots:
                raise Failed("no thread is in `block_on`, or its frame has no debug information")
            return roots[0]
        if not words or not words[0].isdigit():
            raise Failed("a task's id is needed, such as 7 or `root`: `async tasks` lists them")
        if int(words[0]) not in self.by_id:
            raise Failed("there is no task %s (it is complete, or the root): `async tasks` lists those that exist" % words[0])
        return self.by_id[int(words[0])]

    def owner(self, waker):
        """Whom a waker wakes: "task 7"."""
        raw = find(waker, "waker") if has_field(waker.type, "waker") else waker
        data = int(raw["data"])
        if data in self.by_address:
            return self.by_address[data].name
        # The functions of the vtable carry the type that they wake.
        table = raw["vtable"].dereference()
        function = gdb.execute("info symbol %d" % int(table["wake"]), to_string=True)
        for part, words in (("engine::root::", "the root future"), ("engine::block_on::", "a thread in `block_on`"),
                            ("finished::", "a `JoinSet`"), ("group::", "a group of futures"), ("noop", "nothing"),
                            ("engine::task::Task", "a task that is complete")):
            if part in function:
                return words
        return "another waker (%s)" % function.partition(" in section")[0]


def runtimes():
    shared = lookup("openwork::engine::scheduler::Shared")
    addresses, weak = elements(find(gdb.parse_and_eval(RUNTIMES), "data", "value"))
    found = False
    for address in addresses:
        inner = int(peel(at(weak, address)["ptr"]))
        if read_int(inner, 8):
            found = True
            yield Runtime(at(shared, inner + max(16, shared.alignof)))
    if not found:
        raise Failed("no runtime exists at the moment: `block_on` or a `Builder` makes one")


RUNTIMES = "openwork::engine::scheduler::RUNTIMES"


def check_program():
    """Fails with one line if the commands cannot work, and says what to do."""
    if not gdb.selected_inferior().threads():
        raise Failed("there is no process: `run` the program, or load a core file with `core FILE`")
    try:
        # In C: gdb's Rust does not see a symbol that has no debug information.
        with Language("c"):
            version = read_int(int(gdb.parse_and_eval("(long)&OPENWORK_LAYOUT_VERSION")), 4)
    except gdb.error:
        raise Failed("this program does not contain openwork, or its symbols were stripped")
    if version != LAYOUT_VERSION:
        raise Failed("the program has layout %d of openwork's types, this script knows %d: `source` the "
                     "src/debugger/openwork.py of the program's own version" % (version, LAYOUT_VERSION))
    try:
        gdb.parse_and_eval(RUNTIMES)
        lookup("openwork::engine::scheduler::Shared")
    except gdb.error:
        raise Failed(NO_DEBUG_INFO)


# ---- threads ----


class KeepThread:
    """Puts the selected thread and frame back at its end."""

    def __enter__(self):
        self.thread, self.frame = gdb.selected_thread(), gdb.selected_frame()

    def __exit__(self, *_):
        self.thread.switch()
        if self.frame.is_valid():
            self.frame.select()


def frames():
    """The frames of the selected thread, from the newest."""
    frame = gdb.newest_frame()
    while frame is not None:
        yield frame
        try:
            frame = frame.older()
        except gdb.error:
            return


def frame_line(frame):
    sal = frame.find_sal()
    return (sal.symtab.filename, sal.line) if sal.symtab else None


def each_thread():
    """Selects one thread after the other."""
    with KeepThread():
        for thread in sorted(gdb.selected_inferior().threads(), key=lambda thread: thread.num):
            if thread.is_valid() and not thread.is_running():
                thread.switch()
                yield thread


def find_roots():
    roots = []
    for thread in each_thread():
        names = []
        for frame in frames():
            name = frame.name() or ""
            names.append(name)
            if name.startswith(POLLERS[1:]) and "closure" not in without_parameters(name):
                try:
                    value = frame.read_var("future")
                    root = Root(thread, value, names) if "Pin<" in value.type.name else None
                    # The optimiser may have moved it: `block_on` polls it at once, so one never polled is not it.
                    if root and (root.is_running or all(node.number != 0 for node in root.futures())):
                        roots.append(root)
                except (ValueError, gdb.error):
                    pass
                break
    return roots


def worker_threads(runtime):
    """For each worker: the thread that it is, or None. The `Worker` is on that thread's stack."""
    stacks = [(int(gdb.parse_and_eval("$sp")), thread) for thread in each_thread()]
    found = []
    for remote in runtime.remotes:
        address = integer(remote, "addresses", "worker")
        below = [stack for stack in stacks if stack[0] <= address]
        found.append(max(below, key=lambda stack: stack[0])[1] if below else None)
    return found


def thread_of(task):
    if isinstance(task, Root):
        return task.thread
    return worker_threads(task.runtime)[task.worker] if task.worker is not None else None


def user_frames(thread):
    """The frames of a thread that polls, from the oldest, down from where the engine calls the future."""
    found = []
    with KeepThread():
        thread.switch()
        for frame in frames():
            name = frame.name() or ""
            if name.startswith(POLLERS):
                break
            found.append((frame, re.sub(r"::\{async_fn#\d+\}", "", without_parameters(name)), frame_line(frame)))
    found.reverse()
    # The engine's calls before that of the future.
    engine = ("openwork::engine::", "openwork::runtime::", "core::", "std::", "__rust", "<")
    return list(itertools.dropwhile(lambda each: each[1].startswith(engine), found)) or found[-1:]


def is_own(name, line):
    """Whether a frame is of the program's own code."""
    foreign = ("openwork::", "core::", "std::", "alloc::", "futures_task::", "<", "__")
    return line is not None and line[0].endswith(".rs") and not name.startswith(foreign) and "/rustc/" not in line[0]


def without_parameters(name):
    """A function's name without what is in its outermost angle brackets."""
    kept, depth = "", 0
    for character in name.replace("->", ""):
        depth += character == "<"
        kept += character if depth == 0 else ""
        depth -= character == ">"
    return kept


# ---- what a leaf waits for ----


# The types that leaves wait for, and what they are.
RESOURCE_NAMES = [(re.compile("^openwork::" + pattern), kind) for pattern, kind in (
    (r"time::sleep::Sleep$", "sleep"),
    (r"engine::reactor::Source$", "source"),
    (r"runtime::join_handle::JoinHandle<", "join"),
    (r"task::join_set::JoinSet<", "join set"),
    (r"sync::mutex::Mutex<", "mutex"),
    (r"sync::rwlock::(\w+::)?RwLock<", "rwlock"),
    (r"sync::semaphore::Semaphore$", "semaphore"),
    (r"sync::once_cell::OnceCell<", "once cell"),
    (r"sync::notify::Notify$", "notify"),
    (r"sync::barrier::Barrier$", "barrier"),
    (r"sync::(mpsc|oneshot|broadcast|watch)::(\w+::)?(Chan|Channel|Shared|Queue)<", "channel"))]


def resource_kind(type_):
    return next((kind for pattern, kind in RESOURCE_NAMES if pattern.search(name_of(type_))), None)


RESOURCES = Search(resource_kind, r"openwork::(runtime|engine)::(?!reactor|prim)|core::task::wake"
                   r"|alloc::(vec|collections)::|hashbrown::|std::(thread|io|net|fs|collections)")


def words_for(world, task, node):
    """What a future that ends a chain waits for."""
    found = {address: plan for plan, address in RESOURCES.walk(RESOURCES.plan(node.type), node.address)}
    words = []
    for address, plan in found.items():
        try:
            words.append(WORDS[plan.parts](world, task, at(plan.type, address), node))
        except (Failed, gdb.error):
            words.append("a %s, of a layout that this script does not know" % plan.parts)
    if any(words):
        return ", ".join(filter(None, words))
    return without_parameters(node.name) if node.kind == "opaque" else node.title()


def sleep_words(world, task, sleep, node):
    runtime = task.runtime if isinstance(task, Task) else world.runtimes[0]
    return "sleep, " + time_left(runtime, nanos(find(sleep["deadline"], "std")) - runtime.read_clock()[0])


def time_left(runtime, deadline):
    left = (deadline - runtime.read_clock()[1]) / 1e9
    return "%.3f s left" % left if left >= 0 else "due %.3f s ago" % -left


def source_words(world, task, source, node):
    directions = [word for word, owner in source_waiters(world, source) if owner == task.name]
    if not directions:
        return None
    return "fd %d %s%s" % (integer(source, "fd"), " and ".join(directions), socket_words(integer(source, "fd")))


def source_waiters(world, source):
    """The directions and the owners of the wakers that wait for a source."""
    waiters = find(source["waiters"], "data", "value")
    last = waiters["last"]
    found = [(direction, some(last[index])) for index, direction in enumerate(("readable", "writable"))]
    for _, entry in slab(waiters["others"]):
        direction = "readable" if "Read" in str(entry["__0"]) else "writable"
        found.append((direction, some(entry["__1"])))
    return [(direction, world.owner(waker)) for direction, waker in found if waker is not None]


def readiness_words(source):
    """The flags of its readiness; above them is a counter."""
    names = ("readable", "writable", "ended", "shut down")
    flags = integer(source, "readiness")
    return ", ".join(name for bit, name in enumerate(names) if flags >> bit & 1) or "not ready"


def slab(value):
    """The keys and values of a `Slab`."""
    addresses, type_ = elements(value["entries"])
    for key, address in enumerate(addresses):
        name, content = variant(at(type_, address))
        if name == "Occupied":
            yield key, content[content.type.fields()[0]]


def socket_words(fd):
    """The addresses of a socket of a running process, from /proc: ` (127.0.0.1:80 <- 127.0.0.1:4711)`."""
    if not is_live():
        return ""
    process = "/proc/%d/" % gdb.selected_inferior().pid
    try:
        inode = os.readlink(process + "fd/%d" % fd).partition("socket:[")[2].rstrip("]")
        for table in ("tcp", "tcp6", "udp", "udp6"):
            for line in open(process + "net/" + table).read().splitlines()[1:]:
                words = line.split()
                if inode and words[9] == inode:
                    local, remote = ip_address(words[1]), ip_address(words[2])
                    return " (%s, listens)" % local if words[3] == "0A" else " (%s, peer %s)" % (local, remote)
        for line in open(process + "net/unix").read().splitlines()[1:]:
            words = line.split()
            if inode and words[6] == inode:
                return " (a Unix socket%s)" % (" at " + words[7] if len(words) > 7 else "")
    except (OSError, IndexError, ValueError):
        pass
    return ""


def ip_address(word):
    address, port = word.split(":")
    numbers = b"".join(struct.pack("<I", int(address[start:start + 8], 16)) for start in range(0, len(address), 8))
    family = socket.AF_INET if len(numbers) == 4 else socket.AF_INET6
    shown = socket.inet_ntop(family, numbers)
    return "%s:%d" % (shown if len(numbers) == 4 else "[%s]" % shown, int(port, 16))


def join_words(world, task, handle, node):
    other = world.by_address.get(arc_data(handle["task"]))
    return "the end of " + (other.name if other else "a task that is complete")


def join_set_words(world, task, value, node):
    return "the end of one of %d tasks in a JoinSet" % len(list(slab(find_type(value, "slab::Slab<"))))


LOCK_NAMES = {"mutex": "mutex", "rwlock": "RwLock", "semaphore": "semaphore", "once cell": "once cell"}


class Lock:
    """What has permits, and a queue: a mutex, read-write lock, semaphore, once cell, or a channel with its capacity."""

    SHOWN = 20

    def __init__(self, world, kind, value):
        self.kind, self.address = kind, int(value.address)
        self.name = "%s %#x" % (LOCK_NAMES.get(kind, "channel"), self.address)
        permits = find_type(value, "openwork::sync::permits::Permits")
        self.all, self.free, holder = integer(permits, "all"), integer(permits, "word") >> 2, integer(permits, "holder")
        # The task that has all permits, which alone is stored. `async locks` adds those that keep a guard.
        self.holder = "task %d" % holder if holder else None
        self.holders = {self.holder: self.all} if holder else {}
        self.perhaps = {}
        self.queue = {key: world.owner(waker) for key, waker in queue_of(permits)}
        # How many permits a waiter wants, by its key.
        self.wanted = {}

    def how(self, permits):
        """The access that so many of its permits give."""
        if self.kind == "rwlock":
            return "write" if permits == self.all else "read"
        return count(permits, "permit") if self.kind == "semaphore" else ""

    def wait_words(self, acquire):
        """What the future that waits for permits of it waits for."""
        wanted, key = integer(acquire, "wanted"), some(acquire["key"])
        key = None if key is None else int(peel(key))
        self.wanted[key] = wanted
        held = ""
        if self.holder:
            held = (", held for writing by " if self.kind == "rwlock" else ", held by ") + self.holder
        words = {"semaphore": "%s of the %s (%d free)" % (self.how(wanted), self.name, self.free),
                 "rwlock": "a %s lock of the %s%s" % (self.how(wanted), self.name, held),
                 "channel": "capacity of the " + self.name}.get(self.kind, "the %s%s" % (self.name, held))
        if key in self.queue:
            return "%s; %s of %d in its queue" % (words, ordinal(list(self.queue).index(key) + 1), len(self.queue))
        return words + (", assigned to it" if key is not None else "")

    def __str__(self):
        def remark(permits):
            how = self.how(permits) if permits else ""
            return " (%s)" % how if how not in ("", "1 permit") else ""

        free = ", %d free" % self.free if self.kind == "semaphore" else ""
        held = [name + remark(permits) for name, permits in self.holders.items()]
        held += ["perhaps " + name for name in self.perhaps if name not in self.holders]
        queue = [name.replace("task ", "") + remark(self.wanted.get(key)) for key, name in self.queue.items()]
        return "%s%s%s; queue, next first: %s" % (
            self.name, free, ": held by " + self.shown(held) if held else "", self.shown(queue) or "no task")

    def shown(self, names):
        more = len(names) - self.SHOWN
        return ", ".join(names[:self.SHOWN]) + (", … and %d more" % more if more > 0 else "")


def count(number, what):
    return "%d %s%s" % (number, what, "s" * (number != 1))


def ordinal(number):
    ending = {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th") if number // 10 % 10 != 1 else "th"
    return "%d%s" % (number, ending)


def lock_at(world, kind, value):
    """The lock at this place, which is read once at each stop."""
    address = int(value.address)
    if address not in world.locks:
        world.locks[address] = Lock(world, kind, value)
    return world.locks[address]


def acquire_of(node):
    """The future that waits for permits, which a leaf is or contains; or None."""
    try:
        return find_type(node.value(), "openwork::sync::acquire::AcquirePermits<")
    except Failed:
        return None


def guard_of(guard):
    """The address of what has the permits of a guard, and how many they are."""
    is_arc = name_of(guard["from"].type).startswith("alloc::sync::Arc<")
    return arc_data(guard["from"]) if is_arc else int(peel(guard["from"])), integer(guard, "permits")


def guard_words(guard):
    guard = find_type(guard, "openwork::sync::acquire::PermitGuard<")
    address, permits = guard_of(guard)
    kind = next(kind for kind in LOCK_NAMES if re.search("sync::%s::" % kind.replace(" ", "_"), name_of(guard.type)))
    what = count(permits, "permit") if kind == "semaphore" else "guard"
    if kind == "rwlock":
        what = ("read" if permits == 1 else "write") + " guard"
    return "%s of the %s %#x" % (what, LOCK_NAMES[kind], address)


def queue_of(value):
    """The keys and wakers of a wait queue, in order."""
    queue = find_type(value, "openwork::sync::wait_queue::WaitQueue<")
    entries, key = dict(slab(queue["waiters"])), some(queue["head"])
    while key is not None and int(peel(key)) in entries:
        entry = entries.pop(int(peel(key)))
        yield int(peel(key)), some(entry["waker"])
        key = some(entry["next"])


def lock_words(kind):
    return lambda world, task, value, node: lock_at(world, kind, value).wait_words(acquire_of(node))


def channel_words(world, task, value, node):
    kind = re.search(r"sync::(\w+)::", name_of(value.type)).group(1)
    acquire = acquire_of(node)
    if acquire is not None:
        return lock_at(world, "channel", value).wait_words(acquire)
    senders = ", " + count(integer(value, "strong"), "sender") if has_field(value.type, "strong") else ""
    return "a message (%s channel%s)" % (kind, senders)


WORDS = {"sleep": sleep_words, "source": source_words, "join": join_words, "join set": join_set_words,
         "channel": channel_words,
         "notify": lambda *_: "a notification", "barrier": lambda *_: "a barrier"}
WORDS.update({kind: lock_words(kind) for kind in LOCK_NAMES})


# ---- the commands that show ----


def write(line=""):
    gdb.write(line.rstrip() + "\n")


def table(rows):
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        write("  ".join(cell.ljust(width) for cell, width in zip(row, widths)))


class Command(gdb.Command):
    """A command that reports a failure in one line."""

    name, kind, prefix = None, gdb.COMMAND_DATA, False

    def __init__(self):
        complete = {} if self.prefix else {"completer_class": gdb.COMPLETE_NONE}
        super().__init__(("async " + self.name).rstrip(), self.kind, prefix=self.prefix, **complete)

    def run(self, words):
        """Of a prefix without a known command behind it."""
        name = ("async " + self.name).rstrip()
        if words:
            raise Failed("there is no command `%s %s`: `help %s` lists those that exist" % (name, words[0], name))
        gdb.execute("help " + name)

    def invoke(self, argument, from_tty):
        with Language("rust"):
            try:
                self.run(gdb.string_to_argv(argument))
            except gdb.MemoryError as error:
                raise Failed("the program's memory cannot be read (%s); is a change of it under way?" % error)
            except gdb.error as error:
                raise Failed("gdb: %s" % error)


class AsyncCommand(Command):
    """Tasks of an Openwork runtime: list them, see what they wait for, step through them.

  async tasks [STATE]          every task: its state, where it waits, and for what
  async locks                  which tasks hold a lock, which wait for it; deadlocks
  async bt ID|all [-l]         its chain of awaits, from the outside in; with -l the locals of each, guards too
  async tree                   every task below the one that spawned it
  async timers, sources        deadlines and descriptors, and the tasks that they will wake
  async queues, workers        which task runs next, and what each thread does

  async next, step, finish     as gdb's own, but within one task, and over each `.await`
  async break poll ID          stop when a task is polled,
  async break wake ID            is woken (and say by what),
  async break spawn [PLACE]      or is spawned there

ID is a task's number, or `root` for the future of `block_on`. `print $async_task(7)` shows its state machine.
`break f` stops where the future of an `async fn f` is made, `break f::{async_fn#0}` in its body.

Everything but next, step, finish and break works on a core file too. There the time is that of the runtime's last
look at its timers, and the addresses of sockets are not known.
It needs debug information: in Cargo.toml, `[profile.release]` with `debug = 2`."""

    name, prefix = "", True


def waits(world, task):
    """Where a task waits, and for what, in a line: of the innermost await of the program's own code."""
    line, last = None, None
    try:
        nodes = task.futures()
        while len(nodes) == 1:
            last = nodes[0]
            if last.line and not last.name.startswith("openwork::"):
                line = last.line
            nodes = last.children()
        what = words_for(world, task, last) if last else "?"
        if nodes:
            each = " | ".join(waits_for(world, task, node) for node in nodes)
            what = "%s of %d: %s" % (last.title() if last else "several", len(nodes), each)
        return line, what + ("; no waker of it exists" if task.is_waker_lost else "")
    except gdb.MemoryError:
        return line, "its memory cannot be read: is a change of it under way?"


def waits_for(world, task, node):
    children = node.children()
    return waits_for(world, task, children[0]) if children else words_for(world, task, node)


class Tasks(Command):
    """List the tasks that are not complete: async tasks [STATE]

STATE is idle (it waits), scheduled (it is in a queue), or running; without it all are listed.
WAITS AT is the line of the innermost `.await` of your own code; of a task that runs, the line where its thread is.
FOR says what is at the end of its chain of awaits. `join! of 2` and the like wait for several futures: `async bt ID`
shows each. A task of which no waker exists is never polled again: its future has forgotten the waker of its last poll.
The row `root` is the future of `block_on`, which is no task."""

    name = "tasks"

    def run(self, words):
        if words and words[0] not in ("idle", "scheduled", "running"):
            raise Failed('unknown state "%s": it is idle, scheduled or running' % words[0])
        world = World()
        tasks = [task for task in find_roots() + world.tasks if not words or task.state.startswith(words[0])]
        table([("ID", "STATE", "POLLS", "SPAWNED AT", "WAITS AT", "FOR")] + [self.row(world, task) for task in tasks])

    def row(self, world, task):
        if task.is_running:
            thread = thread_of(task)
            lines = [line for _, name, line in user_frames(thread) if is_own(name, line)] if thread else []
            line, what = lines[-1] if lines else None, "runs on thread %d" % thread.num if thread else "runs"
        else:
            line, what = waits(world, task)
        spawned = place(task.spawned()) if task.spawned() else "-"
        # A task may be a leaf itself: then there is no line.
        where = place(line) if line or LINES == {} else "-"
        return str(task.id), task.state, str(task.polls), spawned, where, what


class Tree(Command):
    """List the tasks, each below the task that spawned it: async tree

The future of `block_on` comes first, and below it the tasks that no task has spawned: that future, or a thread has."""

    name = "tree"

    def run(self, words):
        world = World()
        children = {}
        for task in world.tasks:
            parent = task.parent if task.parent in world.by_id else 0
            children.setdefault(parent, []).append(task)
        roots = find_roots()
        for root in roots:
            write("root, `block_on` on thread %d: %s" % (root.thread.num, self.words(world, root)))
        self.show(world, children, 0, "  " if roots else "")

    @staticmethod
    def words(world, task):
        line, what = waits(world, task) if not task.is_running else (None, task.state)
        return what + (" at " + place(line) if line else "")

    def show(self, world, children, parent, indent):
        for task in children.get(parent, ()):
            orphan = " (its parent, task %d, is complete, or is the root)" % task.parent if parent != task.parent else ""
            spawned, words = place(task.spawned()), self.words(world, task)
            write("%stask %d, spawned at %s%s: %s" % (indent, task.id, spawned, orphan, words))
            self.show(world, children, task.id, indent + "  ")


class Backtrace(Command):
    """Show the chain of awaits of a task, from the outside in: async bt ID|root|all [-l]

Each line is an `async fn` or block with the `.await` where it waits; the last says what for. Several futures in one
task (`join!`, `select!`) are marked with `-`. With -l the locals that each keeps across its `.await` are shown.
Of a task that runs these are the frames of its thread, down to where the runtime called it."""

    name = "bt"

    def run(self, words):
        with_locals = "-l" in words
        words = [word for word in words if word != "-l"]
        world = World()
        tasks = find_roots() + world.tasks if words == ["all"] else [world.find(words)]
        for task in tasks:
            spawned = ", spawned at " + place(task.spawned()) if task.spawned() else ""
            polls = ", " + count(task.polls, "poll") if task.polls else ""
            write("%s: %s%s%s" % (task.name, task.state, polls, spawned))
            thread = thread_of(task) if task.is_running else None
            if thread:
                self.show_frames(thread, with_locals)
            elif task.is_running:
                # What its future says is that of before this poll.
                write("  it runs, and its thread was not found")
            else:
                self.show(world, task, task.futures(), "  ", with_locals)
                if task.is_waker_lost:
                    write("  no waker of it exists: it is never polled again")

    def show(self, world, task, nodes, indent, with_locals):
        several = len(nodes) > 1
        for node in nodes:
            mark = indent[:-2] + "- " if several else indent
            children = node.children()
            if node.state:
                write("%s%s at %s" % (mark, node.title(), place(node.line)))
                if not node.state.awaited:
                    write("%s  %s" % (indent, "it has not been polled yet" if node.number == 0 else "it is complete"))
            elif children:
                write("%s%s" % (mark, node.title()))
            else:
                write("%s%s" % (mark, words_for(world, task, node)))
            if with_locals and node.state:
                for field in node.state.locals():
                    content = at(node.state.type, node.address)[field]
                    show_variable(indent + "    ", field.name, content)
            self.show(world, task, children, indent + "  ", with_locals)

    def show_frames(self, thread, with_locals):
        write("  it runs on thread %d:" % thread.num)
        for frame, name, line in user_frames(thread):
            write("  %s at %s" % (name, place(line)))
            if with_locals:
                with KeepThread():
                    thread.switch()
                    for name, content in frame_variables(frame):
                        show_variable("      ", name, content)


def frame_variables(frame):
    try:
        block = frame.block()
    except RuntimeError:
        return
    while block is not None and not block.is_global and not block.is_static:
        for symbol in block:
            if (symbol.is_variable or symbol.is_argument) and not symbol.name.startswith("_"):
                yield symbol.name, symbol.value(frame)
        if block.function is not None:
            return
        block = block.superblock


def show_variable(indent, name, content):
    try:
        shown = content.format_string(max_elements=10, max_depth=2)
        if name_of(content.type).startswith("alloc::sync::Arc<"):
            shown = "%s %#x" % (name_of(content.type), arc_data(content))
    except (gdb.error, gdb.MemoryError) as error:
        shown = "<%s>" % error
    # Types without their paths; texts as they are.
    shown = re.sub(r'"(?:\\.|[^"\\])*"|\b(?:[a-z_]\w*::)+|, alloc::alloc::Global\b',
                   lambda match: match.group() if match.group().startswith('"') else "", shown)
    write("%s%s = %s" % (indent, name, shown if len(shown) < 300 else shown[:300] + "…"))


class Timers(Command):
    """List the deadlines, the earliest first, and the tasks that they wake: async timers

A stale entry is one whose timer was cancelled or has another deadline by now: the heap skips it later."""

    name = "timers"

    def run(self, words):
        world = World()
        for runtime in world.runtimes:
            live, stale = list(runtime.deadlines()), integer(runtime.timers(), "stale")
            write("runtime %d: %d timers, %d stale entries in the heap" % (runtime.id, len(live), stale))
            for deadline, _, waker in sorted(live, key=lambda each: each[:2]):
                write("  %s: wakes %s" % (time_left(runtime, deadline), world.owner(waker)))


class Sources(Command):
    """List the registered descriptors, their readiness, and the tasks that wait for them: async sources"""

    name = "sources"

    def run(self, words):
        world = World()
        for runtime in world.runtimes:
            rows = []
            for source in runtime.sources():
                ready = readiness_words(source)
                waits = ["%s until %s" % (owner, word) for word, owner in source_waiters(world, source)]
                fd = integer(source, "fd")
                rows.append(("  fd %d%s" % (fd, socket_words(fd)), ready, "; ".join(waits) or "no task waits"))
            write("runtime %d: %d descriptors" % (runtime.id, len(rows)))
            if rows:
                table(rows)


class Queues(Command):
    """List the tasks in each run queue, in the order in which they run: async queues"""

    name = "queues"

    def run(self, words):
        world = World()
        for runtime in world.runtimes:
            write("runtime %d" % runtime.id)
            write("  injector: " + self.attempt(lambda: self.injector(world, runtime.shared["injector"])))
            for index, remote in enumerate(runtime.remotes):
                queue = self.local_queue(remote)
                if queue is None:
                    write("  worker %d: no thread is this worker at the moment" % index)
                    continue
                lifo = some(queue["lifo_slot"])
                write("  worker %d: LIFO slot: %s; local queue: %s" % (
                    index, self.task_in(world, lifo) if lifo is not None else "empty",
                    self.attempt(lambda: self.fifo(world, queue["fifo"]))))

    @staticmethod
    def attempt(what):
        """The queues are those of other crates (and of std), and their fields and types may change with a new version."""
        try:
            return ", ".join(what()) or "empty"
        except (Failed, RuntimeError, LookupError, TypeError, ValueError, StopIteration):
            # A `gdb.error` is a `RuntimeError`.
            return "this version of the queue's crate has a layout that the script does not know"

    @staticmethod
    def local_queue(remote):
        address = integer(remote, "addresses", "queue")
        if address:
            return at(lookup("openwork::engine::queue::LocalQueue"), address)
        return some(find(remote["core"], "data", "value", "queue"))

    @staticmethod
    def task_in(world, arc):
        task = world.by_address.get(arc_data(arc))
        return task.name if task else "a task that is complete"

    def fifo(self, world, fifo):
        kind, content = variant(fifo)
        queue = content[content.type.fields()[0]]
        if kind == "Private":
            arc = queue.type.template_argument(0)
            head, length, start = integer(queue, "head"), integer(queue, "len"), int(peel(find(queue, "ptr")))
            capacity = max(integer(queue, "cap"), 1)
            indexes = [(head + index) % capacity for index in range(length)]
        else:
            # crossbeam-deque: a ring of a power of two, between two counters.
            arc = queue.type.template_argument(0)
            inner = at(queue["inner"].type.template_argument(0), arc_data(queue["inner"]))
            front, back = (integer(inner, name) for name in ("front", "back"))
            atomic = find_type(inner, "crossbeam_epoch::atomic::Atomic<")
            # A tagged pointer.
            buffer = at(atomic.type.template_argument(0), integer(atomic, "data") & ~7)
            start, capacity = int(peel(buffer["ptr"])), integer(buffer, "cap")
            indexes = [index & (capacity - 1) for index in range(front, back)]
        return [self.task_in(world, at(arc, start + index * arc.sizeof)) for index in indexes]

    def injector(self, world, queue):
        # crossbeam-queue: blocks of slots in a list; the lowest bit of an index is a flag.
        arc = queue.type.template_argument(0)
        head, tail = (find(queue, end, "value") for end in ("head", "tail"))
        position, end = integer(head, "index") >> 1, integer(tail, "index") >> 1
        block, names = peel(head["block"]), []
        while position < end:
            slots = block.dereference()["slots"]
            capacity = slots.type.range()[1] + 1
            index = position % (capacity + 1)
            if index == capacity:
                block = peel(block.dereference()["next"])
            else:
                names.append(self.task_in(world, at(arc, int(slots[index].address))))
            position += 1
        return names


def idle_words(count):
    return "%d searching, %d parked" % (count & 0xFFFF, count >> 16)


def parker_words(state):
    return ("running", "parked on its condition variable", "parked in the driver", "notified")[state]


class Workers(Command):
    """Show what each worker does: async workers

It runs a task, searches for one, or is parked: in the driver (where it waits for deadlines and descriptors too), or on
its condition variable."""

    name = "workers"

    def run(self, words):
        world = World()
        for runtime in world.runtimes:
            count = idle_words(integer(runtime.shared["idle"], "count"))
            write("runtime %d: workers: %d, %s" % (runtime.id, len(runtime.remotes), count))
            running = {task.worker: task for task in world.tasks if task.runtime is runtime and task.is_running}
            for index, (remote, thread) in enumerate(zip(runtime.remotes, worker_threads(runtime))):
                metrics = remote["metrics"]
                write("  worker %d: %s; %s; %d polls, %d steals, %d parks" % (
                    index, "thread %d (LWP %d)" % (thread.num, thread.ptid[1]) if thread else "no thread at the moment",
                    self.doing(remote, thread, running.get(index)),
                    *(integer(metrics, name) for name in ("polls", "steals", "parks"))))
            jobs = integer(runtime.driver, "blocking_tasks")
            if jobs:
                write("  blocking tasks, queued or at work: %d" % jobs)
            parked = all(integer(remote["parker"], "state") in (1, 2) for remote in runtime.remotes)
            if parked and not jobs and not list(runtime.deadlines()) and not list(runtime.sources()):
                write("  all workers are parked, no timer, no descriptor: only another thread can wake a task")

    @staticmethod
    def doing(remote, thread, task):
        state = integer(remote["parker"], "state")
        if task:
            return "runs " + task.name
        if thread is None:
            return "not running"
        if state in (1, 2):
            return parker_words(state)
        worker = at(lookup("openwork::engine::worker::Worker"), integer(remote, "addresses", "worker"))
        try:
            searching = bool(worker["is_searching"])
        except gdb.error:
            searching = False
        return "notified" if state == 3 else "searches" if searching else "runs"


class Locks(Command):
    """List the locks for which tasks wait, with the holders and the queue: async locks

A lock for which no task waits is not listed. A lock stores which task has all of it; the holders of a semaphore's
permits and of read locks are found by the guards that their futures keep. The guards of a running task, and those
behind a pointer, are not found; a guard that an `async` block has captured is perhaps dropped.
In a deadlock each task waits for a lock that the next one holds, or for the end of the next one, and the last waits
for the first."""

    name = "locks"

    def run(self, words):
        world = World()
        self.blockers = {}
        idle = [task for task in find_roots() + world.tasks if not task.is_running]
        waits_of = {task.name: list(self.waits_of(world, task)) for task in idle}
        locks = {lock.address: lock for each in waits_of.values() for lock, _ in each if lock}
        by_name = {task.name: task for task in idle}
        for task in idle:
            for guard, is_certain in (each for node in all_nodes(task) if node.state for each in node.guards()):
                address, permits = guard_of(guard)
                if address in locks and permits:
                    (locks[address].holders if is_certain else locks[address].perhaps).setdefault(task.name, permits)
        if not locks:
            write("no task waits for a lock")
        for _, lock in sorted(locks.items()):
            write(str(lock))
            for holder in [by_name[name] for name in lock.holders if name in by_name][:Lock.SHOWN]:
                line, what = waits(world, holder)
                write("  %s waits at %s for: %s" % (holder.name, place(line), what))
        # The first thing that a task waits for which others hold.
        blockers = {name: next(((lock and lock.kind, list(lock.holders) if lock else [other])
                                for lock, other in each if other or lock.holders), None)
                    for name, each in waits_of.items()}
        cycles = list(self.cycles(blockers))
        for cycle in cycles[:Lock.SHOWN]:
            write("deadlock: " + " -> ".join(cycle))
        if any(blockers[name][0] == "semaphore" for cycle in cycles for name in cycle):
            write("(if no other task or thread has permits of that semaphore: see `help async locks`)")
        if locks and not cycles:
            write("no deadlock among the holders that are known. Others may have a permit or a read lock: look for a "
                  "guard with `async bt all -l`")

    @staticmethod
    def waits_of(world, task):
        """The locks for which a task waits; and the tasks that it joins."""
        for node in all_nodes(task):
            for plan, address in RESOURCES.walk(RESOURCES.plan(node.type), node.address) if node.kind == "leaf" else ():
                value = at(plan.type, address)
                if plan.parts in LOCK_NAMES and acquire_of(node) is not None:
                    lock = lock_at(world, plan.parts, value)
                    # It notes what the task wants.
                    lock.wait_words(acquire_of(node))
                    yield lock, None
                elif plan.parts == "join" and arc_data(value["task"]) in world.by_address:
                    yield None, world.by_address[arc_data(value["task"])].name

    @staticmethod
    def cycles(blockers):
        """The cycles of tasks that wait each for the next one: each once. A permit comes from any of its holders, so
        that all of them must be in such a cycle."""
        stuck = {name: each for name, each in blockers.items() if each}
        while True:
            kept = {name: (kind, names) for name, (kind, names) in stuck.items()
                    if (all if kind == "semaphore" else any)(each in stuck for each in names)}
            if len(kept) == len(stuck):
                break
            stuck = kept
        seen = set()
        for start in stuck:
            path, todo = [], [(start, 0)]
            while todo:
                name, depth = todo.pop()
                del path[depth:]
                if name in path:
                    yield path[path.index(name):] + [name]
                elif name not in seen:
                    seen.add(name)
                    path.append(name)
                    todo += [(each, len(path)) for each in reversed(stuck.get(name, (None, ()))[1])]


def all_nodes(task):
    """The futures of a task that waits, the outermost first."""
    nodes = task.futures()
    while nodes:
        node = nodes.pop(0)
        nodes += node.children()
        yield node


# ---- the commands that step ----


def body_name(name):
    """The function of a coroutine's type."""
    return re.sub(r"\{(async_\w+)_env#(\d+)\}(?=<|$)(?!.*_env#)", r"{\1#\2}", name)


def awaited_variables(symbol):
    """The variables of a coroutine's function that are the futures which it awaits."""
    start, end = function_range(symbol)
    seen = set()
    for entry in symbol.symtab.linetable():
        block = gdb.block_for_pc(entry.pc) if start <= entry.pc < end else None
        while block is not None and block.function is None:
            if (block.start, block.end) not in seen:
                seen.add((block.start, block.end))
                yield from (each for each in block if each.name == "__awaitee")
            block = block.superblock


def function_symbol(name):
    """A function's symbol; None if there is none, as all its calls were inlined."""
    symbol = gdb.lookup_static_symbol(name) or gdb.lookup_global_symbol(name)
    return symbol if symbol and symbol.is_function else None


def function_range(symbol):
    block = gdb.block_for_pc(int(symbol.value().address))
    while block.function is None:
        block = block.superblock
    return block.start, block.end


def coroutine_frame():
    """The newest frame, from the selected one on, that is the body of an `async fn` or block."""
    frame = gdb.selected_frame()
    while frame is not None:
        if is_body(frame):
            return frame
        frame = frame.older()
    raise Failed("this is not within an `async fn` or block: stop in one first, by `break f::{async_fn#0}`")


def is_body(frame):
    return BODY.search(frame.name() or "") is not None


class Body:
    """The body of a coroutine that runs: its frame, and the coroutine's address, which tells it at its next poll."""

    def __init__(self, frame):
        self.frame, self.function = frame, frame.function()
        name = re.sub(r"\{(async_\w+)#(\d+)\}(?=<|$)", r"{\1_env#\2}", frame.name())
        plan = FUTURES.plan(lookup(name))
        self.name, self.type, self.coroutine = frame.name(), plan.type, plan.parts
        self.start, self.end = function_range(self.function)
        self.address = self.find_address() if frame.type() == gdb.NORMAL_FRAME else None
        if self.address is None and any(self.coroutine.state(number).awaited for number in self.coroutine.fields):
            raise Failed("the optimiser has removed what tells one instance of this function from another: "
                         "build without optimisation to step through it")
        # The lines on which nothing of the user's stands: the header, and the closing brace, where every poll ends.
        self.outer_lines = {self.function.line} | {line[1] for line in [await_line(self.type, 1)] if line}

    def find_address(self):
        """The coroutine's address: that of an awaited future that is stored in it, less its offset."""
        for variable in awaited_variables(self.function):
            for number in self.coroutine.fields:
                line, state = await_line(self.type, number), self.coroutine.state(number)
                awaited = next((each for each in state.type.fields() if each.name == "__awaitee"), None)
                is_there = line is None or line[1] == variable.line
                if awaited and is_there and name_of(awaited.type) == name_of(variable.type):
                    try:
                        return int(variable.value(self.frame).address) - awaited.bitpos // 8
                    except (gdb.error, TypeError):
                        pass
        return None

    def line(self):
        return self.frame.find_sal().line

    def line_starts(self, start):
        """Where the lines of the body begin, but for this one and the outer ones. None if `start` is."""
        entries = self.function.symtab.linetable() if start is not None else ()
        return [entry.pc for entry in entries
                if self.start <= entry.pc < self.end and entry.line not in self.outer_lines | {0, start}]

    def is_ready(self):
        """After a poll: whether the coroutine has returned (or panicked)."""
        return self.address is None or read_int(self.address + self.coroutine.offset, self.coroutine.size) in (1, 2)


class Point(gdb.Breakpoint):
    """A breakpoint of this script's own, at an address: on one thread, and only if `check()` says so."""

    def __init__(self, address, thread=None, check=None):
        super().__init__("*%d" % address, internal=True)
        self.silent, self.thread, self.check, self.hit = True, thread and thread.num, check, False

    def stop(self):
        self.hit = self.check is None or self.check()
        return self.hit


class Interrupted(Exception):
    """The program stopped for another reason, or has ended."""


class Step(Command):
    """What the three commands have in common: they run on to points, and print where they have come to."""

    kind = gdb.COMMAND_RUNNING

    def run(self, words):
        check_program()
        body = Body(coroutine_frame())
        try:
            self.go(body)
            gdb.execute("frame")
        except Interrupted:
            # gdb has said why it stopped.
            pass

    def run_on(self, points):
        """Runs to one of these points, and returns it."""
        try:
            gdb.execute("continue", to_string=True)
            for point in points:
                if point.hit:
                    return point
            raise Interrupted()
        finally:
            for point in points:
                point.delete()

    def next_poll(self, body):
        """Runs until the coroutine, which has answered Pending, is polled again."""
        # The coroutine is the first argument, or the second behind the place of a large output.
        names = ("rdi", "rsi") if "x86" in gdb.selected_frame().architecture().name() else ("x0",)

        def is_argument():
            return any(int(gdb.newest_frame().read_register(name)) == body.address for name in names)

        points = [Point(body.start, None, is_argument)]
        symbol = function_symbol("core::ptr::drop_in_place<%s>" % name_of(body.type))
        if symbol:
            points.append(Point(int(symbol.value().address), None, is_argument))
        if self.run_on(points) is not points[0]:
            write("the future of %s is dropped before it is ready" % function_name(body.name))
            raise Interrupted()
        # Past the prologue the frame is complete.
        self.run_on([Point(after_prologue(body.function), gdb.selected_thread())])
        body.frame = gdb.newest_frame()

    def run_line(self, body, start, into=()):
        """Runs to another line of the body, over its awaits, or to one of the addresses `into` during this poll; False
        if the coroutine has become ready on the way."""
        while True:
            thread, stack, older = gdb.selected_thread(), stack_pointer(body.frame), body.frame.older()
            caller = stack_pointer(older)
            points = [Point(older.pc(), thread, lambda: stack_pointer(gdb.newest_frame()) == caller)]
            for address in into:
                points.append(Point(address, thread))
            for address in body.line_starts(start):
                points.append(Point(address, thread, lambda: stack_pointer(gdb.newest_frame()) == stack))
            if self.run_on(points) is not points[0]:
                return True
            if body.is_ready():
                return False
            self.next_poll(body)
            into = ()

    def return_to_caller(self):
        """The coroutine is ready: goes on in the one that awaits it."""
        frame = gdb.newest_frame()
        while frame is not None and not is_body(frame):
            frame = None if "openwork::engine::task" in (frame.name() or "") else frame.older()
        if frame is None:
            write("the outermost future is ready: no other awaits it here")
            raise Interrupted()
        body = Body(frame)
        if not self.run_line(body, body.line()):
            self.return_to_caller()


def stack_pointer(frame):
    return int(frame.read_register("sp"))


def after_prologue(symbol):
    """The second line entry of a function, as gdb does it."""
    start, end = function_range(symbol)
    later = sorted(entry.pc for entry in symbol.symtab.linetable() if start < entry.pc < end)
    return later[0] if later else start


class Next(Step):
    """Run to the next line of this `async fn` or block, in this task: async next

It goes over an `.await` even if the task must wait: other tasks run in between, and other instances of this function do
not stop it. After the last line it stops in the function that awaits this one."""

    name = "next"

    def go(self, body):
        if not self.run_line(body, body.line()):
            self.return_to_caller()


class Finish(Step):
    """Run until this `async fn` or block is ready, and stop in the one that awaits it: async finish"""

    name = "finish"

    def go(self, body):
        # No line starts there.
        if not self.run_line(body, None):
            write("%s is ready" % function_name(body.name))
            self.return_to_caller()


class StepInto(Step):
    """Run into the `async fn` that this line awaits, or to the next line: async step"""

    name = "step"

    def go(self, body):
        symbols = [function_symbol(name) for name in self.awaited(body, body.line())]
        if not self.run_line(body, body.line(), [after_prologue(symbol) for symbol in symbols if symbol]):
            self.return_to_caller()
        elif gdb.newest_frame().name() != body.name:
            # Its header; on to its first line.
            inner = Body(gdb.newest_frame())
            self.run_line(inner, inner.line())

    def awaited(self, body, line):
        """The functions of the coroutines that may be awaited on this line; behind a `dyn Future` any."""
        plans = []
        for number in body.coroutine.fields:
            where, state = await_line(body.type, number), body.coroutine.state(number)
            if state.awaited and where and where[1] == line:
                plans.append(state.awaited[1])
        names, seen = set(), set()
        while plans:
            plan = plans.pop()
            if plan is None or id(plan) in seen:
                continue
            seen.add(id(plan))
            if isinstance(plan.parts, Coroutine):
                names.add(plan.name)
            elif plan.kind == "dyn":
                names.update(name for name in LINES if not name.startswith(("openwork::", "std::", "core::")))
            elif plan.kind in ("pointer", "slice"):
                plans.append(plan.parts)
            elif plan.kind == "found":
                plans += [part for _, part in FUTURES.parts(plan.type)] if plan.parts == "group" else []
            else:
                parts = plan.parts.values() if plan.kind == "enum" else [plan.parts]
                plans += [part for each in parts for _, part in each]
        return [body_name(name) for name in names]


class EngineBreakpoint(gdb.Breakpoint):
    """Stops in a function of the engine if `words(frame)` says something about it, and prints that."""

    def __init__(self, function, words):
        super().__init__(function)
        self.words = words

    def stop(self):
        words = self.words(gdb.newest_frame())
        if words:
            write(words)
        return bool(words)


def waker_words():
    """What the selected thread does that wakes a task: the frames tell."""
    where = ""
    for frame in frames():
        name, here = frame.name() or "", frame_line(frame)
        if not where and is_own(name, here):
            where = ", at " + place(here)
        if "::Driver::fire_timers" in name:
            return "a timer"
        if "::Driver::tick" in name:
            return "a descriptor that is ready"
        if name.startswith("openwork::engine::worker::poll_task"):
            task = World().by_address.get(arc_data(frame.read_var("task")))
            return (task.name if task else "a blocking task") + where
        if name.startswith("openwork::engine::context::poll_root"):
            return "the root future" + where
    return "thread %d, which is outside of the runtime%s" % (gdb.selected_thread().num, where)


class Break(Command):
    """Stop when something happens to a task: async break poll|wake|spawn"""

    name, kind, prefix = "break", gdb.COMMAND_BREAKPOINTS, True


class BreakPoll(Break):
    """Stop each time that a task is polled: async break poll ID"""

    name, prefix = "break poll", False

    def run(self, words):
        task = World().find(words)

        def about(frame):
            # By its id too, since an address is used again.
            is_there = arc_data(frame.read_var("task")) == task.address
            is_it = is_there and read_int(task.header + task.id_offset, 8) == task.id
            return "%s is polled" % task.name if is_it else None

        EngineBreakpoint("openwork::engine::worker::poll_task", about)


class BreakWake(Break):
    """Stop each time that a task is woken, and say by what: async break wake ID

A wake of a task that is in a queue already, or that runs, changes nothing and does not stop the program."""

    name, prefix = "break wake", False

    def run(self, words):
        task = World().find(words)

        def about(frame):
            is_it = integer(frame.read_var("header").dereference(), "id") == task.id
            return "%s is woken by %s" % (task.name, waker_words()) if is_it else None

        EngineBreakpoint("openwork::engine::task::wake_task", about)


class BreakSpawn(Break):
    """Stop when a task is spawned: async break spawn [FILE[:LINE]]"""

    name, prefix = "break spawn", False

    def run(self, words):
        wanted = words[0] if words else ""

        def about(frame):
            header = frame.read_var("header").dereference()
            spawned = place(location_at(int(header["location"])))
            is_it = spawned.endswith(wanted) or spawned.rpartition(":")[0].endswith(wanted)
            return "task %d is spawned at %s" % (integer(header, "id"), spawned) if is_it else None

        EngineBreakpoint("openwork::engine::task::spawn_task", about)


class AsyncTask(gdb.Function):
    """The state machine of a task: $async_task(ID), for instance `print $async_task(7).__awaitee`"""

    def __init__(self):
        super().__init__("async_task")

    def invoke(self, number):
        if number.type.code != gdb.TYPE_CODE_INT:
            raise Failed("$async_task takes a number, such as 7; for the root there is `async bt root -l`")
        with Language("rust"):
            return World().find([str(int(number))]).future()


# ---- pretty-printers ----
#
# For the engine's own types, so that a plain `print` while stepping through it is readable. `print/r` shows the fields.


def last_world():
    """The tasks at this stop."""
    global WORLD
    if WORLD is None:
        WORLD = World()
    return WORLD


def header_words(header):
    bits = integer(header, "state")
    where = place(location_at(int(header["location"])))
    return "task %d, %s, polled %d times, spawned at %s" % (
        integer(header, "id"), state_name(bits), integer(header, "polls"), where)


def state_words(state):
    bits = integer(state, "__0")
    join = "dropped" if bits & 8 else "waiting" if bits & 4 else "held"
    return "%s; join handle %s" % (state_name(bits), join)


def task_words(arc):
    pointer = fat_pointer(arc)
    return Task(None, concrete(pointer), arc_data(pointer)).name


def source_summary(source):
    waits = ["; %s until %s" % (owner, word) for word, owner in source_waiters(last_world(), source)]
    return "fd %d: %s%s" % (integer(source, "fd"), readiness_words(source), "".join(waits))


def timers_words(timers):
    return "%d timers, %d stale entries in the heap of %d" % (
        integer(timers["slots"], "len"), integer(timers, "stale"), integer(find(timers["heap"], "data"), "len"))


def slot_words(slot):
    waker = some(slot["waker"])
    what = "wakes " + last_world().owner(waker) if waker is not None else "fired"
    return "generation %d, %s" % (integer(slot, "generation"), what)


def entry_words(entry):
    return "deadline %.9f s, generation %d, key %d" % (
        integer(entry, "deadline") / 1e9, integer(entry, "generation"), integer(entry, "key"))


def mutex_words(mutex):
    state = "locked" if integer(mutex, "futex") else "unlocked"
    return "%s, %s" % (state, find(mutex, "data", "value").format_string(max_elements=10))


PRINTERS = [(re.compile(pattern), words) for pattern, words in (
    (r"^openwork::engine::(task|header)::Header$", header_words),
    (r"^openwork::engine::state::State$", state_words),
    (r"^openwork::engine::prim::Mutex<", mutex_words),
    (r"^alloc::sync::Arc<\(?dyn openwork::engine::task::(Runnable|Join<)", task_words),
    (r"^core::task::wake::Waker$", lambda waker: "wakes " + last_world().owner(waker)),
    (r"^openwork::engine::timer::Timers$", timers_words),
    (r"^openwork::engine::timer::Slot$", slot_words),
    (r"^openwork::engine::timer::Entry$", entry_words),
    (r"^openwork::engine::reactor::Source$", source_summary),
    (r"^openwork::sync::(acquire::PermitGuard|lock::LockGuard)<", guard_words),
    (r"^openwork::engine::park::Parker$", lambda parker: parker_words(integer(parker, "state"))),
    (r"^openwork::engine::idle::Idle$", lambda idle: idle_words(integer(idle, "count"))))]


class Printer:
    def __init__(self, words):
        self.words = words

    def to_string(self):
        return self.words


def find_printer(value):
    """The printer for a value of the engine; None if it has none, or if the value is not (yet) valid."""
    name = value.type.strip_typedefs().name or ""
    may_be = name.startswith(("openwork::engine::", "openwork::sync::", "core::task::", "alloc::sync::Arc<"))
    for pattern, words in PRINTERS:
        if may_be and pattern.search(name):
            try:
                with Language("rust"):
                    return Printer(words(value))
            except (gdb.error, gdb.GdbError, gdb.MemoryError, ValueError, TypeError, AttributeError):
                return None
    return None


# ---- when the script is loaded ----


def forget(*_):
    """The program ran on, or is another one."""
    global WORLD
    WORLD = None


def forget_program(*_):
    """What was kept of types and lines belongs to the files that were loaded."""
    global LINES
    forget()
    LINES = None
    for kept in (TYPES, CONCRETE, TASK_LAYOUTS, LOCATIONS, FUTURES.plans, RESOURCES.plans, GUARDS.plans):
        kept.clear()


WORLD = None
if "openwork" not in [getattr(each, "__name__", "") for each in gdb.pretty_printers]:
    find_printer.__name__ = "openwork"
    gdb.pretty_printers.append(find_printer)
    for event in (gdb.events.cont, gdb.events.exited, gdb.events.memory_changed):
        event.connect(forget)
    for event in (gdb.events.new_objfile, gdb.events.clear_objfiles):
        event.connect(forget_program)
for each in (AsyncCommand, Tasks, Tree, Backtrace, Timers, Sources, Queues, Workers, Locks, Next, StepInto, Finish,
             Break, BreakPoll, BreakWake, BreakSpawn, AsyncTask):
    each()
