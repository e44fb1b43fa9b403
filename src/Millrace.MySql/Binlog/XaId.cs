using System.Text;

namespace Millrace.MySql.Binlog;

/// <summary>An XA transaction's name as the servers write it in statements: X'global',X'branch',format.</summary>
internal readonly record struct XaId(string Text)
{
    public static XaId Of(ReadOnlySpan<byte> global, ReadOnlySpan<byte> branch, uint format) =>
        new($"X'{Convert.ToHexStringLower(global)}',X'{Convert.ToHexStringLower(branch)}',{format}");

    /// <summary>
    /// Of the text after XA COMMIT or XA ROLLBACK in a binlog, where both servers write hexadecimal, "X'..',X'..',1".
    /// </summary>
    public static XaId Parse(ReadOnlySpan<byte> statement)
    {
        var text = Encoding.ASCII.GetString(statement).Trim();
        var space = text.IndexOf(' ');
        return new XaId((space < 0 ? text : text[..space]).ToLowerInvariant().Replace("x'", "X'", StringComparison.Ordinal));
    }

    public override string ToString() => Text;
}
