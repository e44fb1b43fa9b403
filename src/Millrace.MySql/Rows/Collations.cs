namespace Millrace.MySql.Rows;

/// <summary>Which charset a collation id of TABLE_MAP's metadata belongs to, on MySQL 9.7 and MariaDB 10.11.</summary>
internal static class Collations
{
    /// <summary>The server's name of the charset; null for an id that neither server had.</summary>
    public static string? CharsetOf(int collation) =>
        collation switch
        {
            // MariaDB: a NO PAD collation is its padding one plus 1024, and UCA 14 has a block of 256 for each Unicode charset.
            >= 3072 => "utf32",
            >= 2816 => "utf16",
            >= 2560 => "ucs2",
            >= 2304 => "utf8mb4",
            >= 2048 => "utf8mb3",
            > 1024 => CharsetOf(collation - 1024),
            32 or 64 => "armscii8",
            11 or 65 => "ascii",
            1 or 84 => "big5",
            63 => "binary",
            26 or 34 or 44 or 66 or 99 => "cp1250",
            14 or 23 or >= 50 and <= 52 => "cp1251",
            57 or 67 => "cp1256",
            29 or >= 58 and <= 59 => "cp1257",
            4 or 80 => "cp850",
            40 or 81 => "cp852",
            36 or 68 => "cp866",
            >= 95 and <= 96 => "cp932",
            3 or 69 => "dec8",
            >= 97 and <= 98 => "eucjpms",
            19 or 85 => "euckr",
            >= 248 and <= 250 => "gb18030",
            24 or 86 => "gb2312",
            28 or 87 => "gbk",
            >= 92 and <= 93 => "geostd8",
            25 or 70 => "greek",
            16 or 71 => "hebrew",
            6 or 72 => "hp8",
            37 or 73 => "keybcs2",
            7 or 74 => "koi8r",
            22 or 75 => "koi8u",
            5 or 8 or 15 or 31 or >= 47 and <= 49 or 94 => "latin1",
            2 or 9 or 21 or 27 or 77 => "latin2",
            30 or 78 => "latin5",
            20 or >= 41 and <= 42 or 79 => "latin7",
            38 or 43 => "macce",
            39 or 53 => "macroman",
            13 or 88 => "sjis",
            10 or 82 => "swe7",
            18 or 89 => "tis620",
            35 or 90 or >= 128 and <= 151 or 159 or >= 640 and <= 642 => "ucs2",
            12 or 91 => "ujis",
            >= 54 and <= 55 or >= 101 and <= 124 or >= 672 and <= 674 => "utf16",
            56 or 62 => "utf16le",
            >= 60 and <= 61 or >= 160 and <= 183 or >= 736 and <= 738 => "utf32",
            33 or 76 or 83 or >= 192 and <= 215 or 223 or >= 576 and <= 578 => "utf8mb3",
            >= 45
            and <= 46
            or >= 224
            and <= 247
            or >= 255
            and <= 271
            or >= 273
            and <= 275
            or >= 277
            and <= 294
            or >= 296
            and <= 298
            or 300
            or >= 303
            and <= 323
            or >= 608
            and <= 610 => "utf8mb4",
            _ => null,
        };
}
