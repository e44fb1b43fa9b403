using System.Security.Cryptography;
using System.Text;

namespace Millrace.MySql.Rows;

/// <summary>The rules of all tables, from names as a person writes them: TABLE.COLUMN, or DATABASE.TABLE.COLUMN.</summary>
internal sealed class TableRules
{
    /// <summary>A shorter secret could be found by trying.</summary>
    const int ShortestSecret = 16;

    readonly Dictionary<string, ColumnRules> _tables = new(StringComparer.OrdinalIgnoreCase);
    readonly List<string> _problems = [];

    /// <param name="excluded">Columns to leave out.</param>
    /// <param name="masked">Columns to mask, with what stands for their values; null for a keyed hash.</param>
    /// <param name="secret">What the hashes are keyed with.</param>
    public TableRules(IEnumerable<string> excluded, IEnumerable<KeyValuePair<string, string?>> masked, string? secret)
    {
        var seen = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        foreach (var name in excluded)
        {
            if (Of(name, seen, out var column) is { } rules)
                rules.Exclude(column);
        }
        var hashed = new List<string>();
        foreach (var (name, constant) in masked)
        {
            if (Of(name, seen, out var column) is not { } rules)
                continue;
            if (constant is not null)
            {
                rules.Replace(column, constant);
                continue;
            }
            hashed.Add(name);
            rules.Hash(column, KeyOf(name, secret ?? ""));
        }
        if (hashed.Count > 0 && (secret is null || secret.Length < ShortestSecret))
            _problems.Add(
                $"{string.Join(", ", hashed)} cannot be masked without a secret: without one, or with a short one, values could be found by trying. "
                    + $"Set MaskSecret to at least {ShortestSecret} characters that are kept like a password, or say what is to stand for the values."
            );
    }

    /// <summary>The tables that there are rules for.</summary>
    public IEnumerable<string> Tables => _tables.Keys;

    /// <summary>What is wrong with the rules by themselves.</summary>
    public IReadOnlyList<string> Problems => _problems;

    /// <summary>What is wrong with the rules where only some tables are captured: a misspelt table's column would be captured as it stands.</summary>
    public IEnumerable<string> ProblemsWith(IEnumerable<string> captured) =>
        _problems.Concat(
            _tables
                .Keys.Except(captured, StringComparer.OrdinalIgnoreCase)
                .Select(table =>
                    $"{string.Join(", ", _tables[table].Columns.Select(column => $"{table}.{column}"))} is to be left out or masked, and the table {table} "
                    + "is not captured: correct the name, or remove the option"
                )
        );

    /// <summary>The rules of a table; null where it is captured as it stands.</summary>
    public ColumnRules? Of(string table) => _tables.GetValueOrDefault(table);

    /// <summary>The rules of a table where names may say their database.</summary>
    public ColumnRules? Of(string database, string table) => Of(table) ?? Of($"{database}.{table}");

    ColumnRules? Of(string name, HashSet<string> seen, out string column)
    {
        var dot = name.LastIndexOf('.');
        column = name[(dot + 1)..];
        if (dot <= 0 || column.Length == 0)
        {
            _problems.Add($"'{name}' names no column: write TABLE.COLUMN");
            return null;
        }
        if (!seen.Add(name))
        {
            _problems.Add($"{name} is to be left out or masked more than once: name it once");
            return null;
        }
        if (!_tables.TryGetValue(name[..dot], out var rules))
            _tables[name[..dot]] = rules = new ColumnRules();
        return rules;
    }

    /// <summary>Each column has a key of its own, so that nobody can tell that two columns have the same value.</summary>
    static byte[] KeyOf(string name, string secret) =>
        HMACSHA256.HashData(Encoding.UTF8.GetBytes(secret), Encoding.UTF8.GetBytes(name.ToLowerInvariant()));
}
