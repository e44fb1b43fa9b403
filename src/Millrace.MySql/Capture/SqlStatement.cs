using System.Text;

namespace Millrace.MySql.Capture;

/// <summary>What a statement in the binlog means to a reader of rows.</summary>
internal enum StatementKind
{
    Begin,
    Commit,
    Rollback,
    XaStart,
    XaCommit,
    XaRollback,

    /// <summary>Changes rows, as text: there are no rows events of it.</summary>
    Dml,
    Truncate,
    DropTable,
    DropDatabase,
    RenameTable,
    AlterTable,

    /// <summary>May change a table's definition.</summary>
    Other,

    /// <summary>Of no concern: savepoints, XA END, comments.</summary>
    Nothing,
}

/// <summary>Tells statements apart by their first words, and reads the names of tables behind them. It is no parser: what they do is looked up.</summary>
internal ref struct SqlStatement
{
    ReadOnlySpan<byte> _rest;

    public SqlStatement(ReadOnlySpan<byte> sql)
    {
        _rest = sql;
        Kind = Classify();
    }

    public StatementKind Kind { get; }

    /// <summary>What follows the words that say the kind.</summary>
    public readonly ReadOnlySpan<byte> Rest => _rest;

    StatementKind Classify()
    {
        if (Word("BEGIN"u8))
            return StatementKind.Begin;
        if (Word("COMMIT"u8))
            return StatementKind.Commit;
        if (Word("SAVEPOINT"u8) || Word("RELEASE"u8))
            return StatementKind.Nothing;
        if (Word("ROLLBACK"u8))
        {
            Word("WORK"u8);
            return Word("TO"u8) ? StatementKind.Nothing : StatementKind.Rollback;
        }
        if (Word("START"u8))
            return Word("TRANSACTION"u8) ? StatementKind.Begin : StatementKind.Other;
        if (Word("XA"u8))
        {
            return Word("START"u8) || Word("BEGIN"u8) ? StatementKind.XaStart
                : Word("COMMIT"u8) ? StatementKind.XaCommit
                : Word("ROLLBACK"u8) ? StatementKind.XaRollback
                : StatementKind.Nothing;
        }
        if (Word("INSERT"u8) || Word("UPDATE"u8) || Word("DELETE"u8) || Word("REPLACE"u8) || Word("LOAD"u8) || Word("WITH"u8))
            return StatementKind.Dml;
        if (Word("TRUNCATE"u8))
        {
            Word("TABLE"u8);
            return StatementKind.Truncate;
        }
        if (Word("RENAME"u8))
            return Word("TABLE"u8) || Word("TABLES"u8) ? StatementKind.RenameTable : StatementKind.Other;
        if (Word("DROP"u8))
        {
            Word("TEMPORARY"u8);
            var table = Word("TABLE"u8) || Word("TABLES"u8);
            var database = !table && (Word("DATABASE"u8) || Word("SCHEMA"u8));
            if (Word("IF"u8))
                Word("EXISTS"u8);
            return table ? StatementKind.DropTable
                : database ? StatementKind.DropDatabase
                : StatementKind.Other;
        }
        if (Word("ALTER"u8))
        {
            while (Word("ONLINE"u8) || Word("IGNORE"u8)) { }
            if (!Word("TABLE"u8))
                return StatementKind.Other;
            if (Word("IF"u8))
                Word("EXISTS"u8);
            return StatementKind.AlterTable;
        }
        SkipSpace();
        return _rest.IsEmpty ? StatementKind.Nothing : StatementKind.Other;
    }

    /// <summary>
    /// Reads the next name of a list of tables, and what may stand between two of them (a comma, or TO of RENAME); false where there is none.
    /// </summary>
    public bool NextTable(out string? database, out string table)
    {
        (database, table) = (null, "");
        SkipSpace();
        if (_rest is [(byte)',', ..])
            _rest = _rest[1..];
        Word("TO"u8);
        if (!Identifier(out table))
            return false;
        SkipSpace();
        if (_rest is not [(byte)'.', ..])
            return true;
        _rest = _rest[1..];
        database = table;
        return Identifier(out table);
    }

    bool Identifier(out string name)
    {
        name = "";
        SkipSpace();
        if (_rest.IsEmpty)
            return false;
        var quote = _rest[0];
        if (quote is (byte)'`' or (byte)'"')
        {
            var text = new List<byte>();
            for (var i = 1; i < _rest.Length; i++)
            {
                if (_rest[i] == quote && !(i + 1 < _rest.Length && _rest[i + 1] == quote))
                {
                    name = Encoding.UTF8.GetString([.. text]);
                    _rest = _rest[(i + 1)..];
                    return true;
                }
                if (_rest[i] == quote)
                    i++;
                text.Add(_rest[i]);
            }
            return false;
        }
        var length = 0;
        while (length < _rest.Length && IsWordByte(_rest[length]))
            length++;
        name = Encoding.UTF8.GetString(_rest[..length]);
        _rest = _rest[length..];
        return length > 0;
    }

    /// <summary>Whether the text names a table anywhere, as a whole word.</summary>
    public static bool Mentions(ReadOnlySpan<byte> sql, ReadOnlySpan<byte> name)
    {
        for (var at = 0; at + name.Length <= sql.Length; at++)
        {
            if (
                Ascii.EqualsIgnoreCase(sql.Slice(at, name.Length), name)
                && (at == 0 || !IsWordByte(sql[at - 1]))
                && (at + name.Length == sql.Length || !IsWordByte(sql[at + name.Length]))
            )
                return true;
        }
        return false;
    }

    bool Word(ReadOnlySpan<byte> word)
    {
        SkipSpace();
        if (_rest.Length < word.Length || !Ascii.EqualsIgnoreCase(_rest[..word.Length], word))
            return false;
        if (_rest.Length > word.Length && IsWordByte(_rest[word.Length]))
            return false;
        _rest = _rest[word.Length..];
        return true;
    }

    static bool IsWordByte(byte b) =>
        b
            is >= (byte)'0'
                and <= (byte)'9'
                or >= (byte)'a'
                and <= (byte)'z'
                or >= (byte)'A'
                and <= (byte)'Z'
                or (byte)'_'
                or (byte)'$'
                or >= 0x80;

    /// <summary>Passes over white space and comments, but not over the bounds of a comment that the server carries out.</summary>
    void SkipSpace()
    {
        while (!_rest.IsEmpty)
        {
            if (_rest[0] is (byte)' ' or (byte)'\t' or (byte)'\r' or (byte)'\n')
            {
                _rest = _rest[1..];
            }
            else if (_rest.StartsWith("/*!"u8) || _rest.StartsWith("/*M!"u8))
            {
                _rest = _rest[(_rest.IndexOf((byte)'!') + 1)..].TrimStart("0123456789"u8);
            }
            else if (_rest.StartsWith("*/"u8))
            {
                _rest = _rest[2..];
            }
            else if (_rest.StartsWith("/*"u8))
            {
                var end = _rest.IndexOf("*/"u8);
                _rest = end < 0 ? default : _rest[(end + 2)..];
            }
            else if (_rest[0] == (byte)'#' || _rest.StartsWith("-- "u8))
            {
                var end = _rest.IndexOf((byte)'\n');
                _rest = end < 0 ? default : _rest[(end + 1)..];
            }
            else
            {
                return;
            }
        }
    }
}
