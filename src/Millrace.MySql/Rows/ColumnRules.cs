using System.Security.Cryptography;
using System.Text;

namespace Millrace.MySql.Rows;

/// <summary>
/// What of a table does not become part of its rows as it stands: columns that are left out, and columns whose values are replaced. NULL stays NULL,
/// so that a row still says whether there is a value.
/// </summary>
public sealed class ColumnRules
{
    readonly Dictionary<string, ColumnMask?> _rules = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>The columns that there is a rule for.</summary>
    public IEnumerable<string> Columns => _rules.Keys;

    /// <summary>Leaves a column out, whatever its type: it is passed over, not decoded.</summary>
    /// <param name="column">Its name, in any case.</param>
    /// <returns>These rules.</returns>
    public ColumnRules Exclude(string column)
    {
        _rules[column] = null;
        return this;
    }

    /// <summary>Replaces a column's values by a keyed hash: equal values have equal hashes, and without the key nobody can try values out.</summary>
    /// <param name="column">Its name, in any case.</param>
    /// <param name="key">The key of HMAC-SHA256.</param>
    /// <returns>These rules.</returns>
    public ColumnRules Hash(string column, ReadOnlySpan<byte> key)
    {
        _rules[column] = new ColumnMask(key.ToArray(), []);
        return this;
    }

    /// <summary>Replaces a column's values by one and the same text.</summary>
    /// <param name="column">Its name, in any case.</param>
    /// <param name="text">What stands there instead.</param>
    /// <returns>These rules.</returns>
    public ColumnRules Replace(string column, string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        _rules[column] = new ColumnMask(null, CanonicalText.Quote(Encoding.UTF8.GetBytes(text)));
        return this;
    }

    /// <summary>Whether a column is left out.</summary>
    /// <param name="column">Its name, in any case.</param>
    public bool Excludes(string column) => _rules.TryGetValue(column, out var mask) && mask is null;

    /// <summary>What stands for a column's values; null where they stand for themselves.</summary>
    internal ColumnMask? MaskOf(string column) => _rules.GetValueOrDefault(column);

    /// <summary>
    /// A column with a rule that a definition does not have may stand in it under another name. So its rows are not read by that definition,
    /// rather than with a value that must not be shown.
    /// </summary>
    /// <exception cref="SchemaMismatchException">A column is missing.</exception>
    internal void MustFit(string table, IEnumerable<string> columns)
    {
        var missing = _rules.Keys.Except(columns, StringComparer.OrdinalIgnoreCase).ToList();
        if (missing.Count > 0)
            throw new SchemaMismatchException(
                table,
                missing[0],
                $"{table} has no column {string.Join(", ", missing)}, which is to be left out or masked: it may have had another name. Its rows are not read."
            );
    }
}

/// <summary>What stands for a value: its HMAC-SHA256 under a key, or always the same.</summary>
internal sealed class ColumnMask(byte[]? key, byte[] constant)
{
    /// <summary>Half of the hash tells values apart as well, and takes less room in every row.</summary>
    const int HashBytes = 16;

    /// <summary>Writes the JSON string that stands for a canonical value; at most <paramref name="to"/> takes.</summary>
    public int Write(ReadOnlySpan<byte> value, Span<byte> to)
    {
        if (key is null)
        {
            constant.CopyTo(to);
            return constant.Length;
        }
        Span<byte> hash = stackalloc byte[HMACSHA256.HashSizeInBytes];
        HMACSHA256.HashData(key, value, hash);
        to[0] = (byte)'"';
        Convert.TryToHexStringLower(hash[..HashBytes], to[1..], out var written);
        to[written + 1] = (byte)'"';
        return written + 2;
    }

    /// <summary>How many bytes <see cref="Write"/> writes at most.</summary>
    public int Length => key is null ? constant.Length : 2 * HashBytes + 2;
}
