using System.Text;
using Microsoft.CodeAnalysis.CSharp;

namespace Millrace.Tool.Scaffold;

/// <summary>From names in a database to names in C#.</summary>
internal static class Naming
{
    // What the generator adds to a row record, or every record has.
    static readonly HashSet<string> Taken =
    [
        "Definition",
        "Parse",
        "Write",
        "Equals",
        "ToString",
        "GetHashCode",
        "EqualityContract",
        "Deconstruct",
    ];

    /// <summary><c>ticket_tags</c> is <c>TicketTag</c>.</summary>
    public static string Singular(string table)
    {
        var name = Pascal(table);
        bool Ends(string end) => name.EndsWith(end, StringComparison.Ordinal);
        return Ends("ies") && name.Length > 4 ? name[..^3] + "y"
            : Ends("sses") || Ends("xes") || Ends("ches") || Ends("shes") || Ends("uses") ? name[..^2]
            : Ends("s") && !Ends("ss") && !Ends("us") && !Ends("is") && name.Length > 2 ? name[..^1]
            : name;
    }

    /// <summary>A property's name for a column, unlike any of <paramref name="others"/>.</summary>
    public static string Property(string column, IReadOnlyCollection<string> others)
    {
        var name = Pascal(column);
        if (Taken.Contains(name))
            name += "Value";
        var unique = name;
        for (var i = 2; others.Contains(unique); i++)
            unique = $"{name}{i}";
        return unique;
    }

    /// <summary>The column that a property maps where nothing else is said; as the generator has it.</summary>
    public static string ColumnOf(string property)
    {
        var column = new StringBuilder();
        for (var i = 0; i < property.Length; i++)
        {
            if (
                char.IsUpper(property[i])
                && i > 0
                && property[i - 1] != '_'
                && (!char.IsUpper(property[i - 1]) || i + 1 < property.Length && char.IsLower(property[i + 1]))
            )
                column.Append('_');
            column.Append(char.ToLowerInvariant(property[i]));
        }
        return column.ToString();
    }

    /// <summary><c>TicketTag</c> is <c>ticket-tag</c>, as durable names are written.</summary>
    public static string Durable(string pascal) => ColumnOf(pascal).Replace('_', '-');

    /// <summary><c>TicketTag</c> in a sentence is <c>ticket_tag</c>, as a test's name has it.</summary>
    public static string Words(string pascal) => ColumnOf(pascal);

    public static string Pascal(string name)
    {
        var result = new StringBuilder();
        var begins = true;
        foreach (var c in name)
        {
            if (!char.IsLetterOrDigit(c))
            {
                begins = true;
                continue;
            }
            result.Append(begins ? char.ToUpperInvariant(c) : c);
            begins = false;
        }
        if (result.Length == 0 || char.IsDigit(result[0]))
            result.Insert(0, '_');
        return result.ToString();
    }

    public static string Literal(string text) => SymbolDisplay.FormatLiteral(text, quote: true);
}
