using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Millrace.Tool.Scaffold;

/// <summary>Where row records and the tables of now have come apart.</summary>
/// <param name="Wrong">What no longer fits and would be refused or fail.</param>
/// <param name="New">What the records do not have.</param>
internal sealed record Drift(IReadOnlyList<string> Wrong, IReadOnlyList<string> New)
{
    /// <summary>Compares the row records in a folder's sources with tables.</summary>
    public static Drift Of(string folder, IReadOnlyList<RowShape> shapes)
    {
        var records = Records(folder);
        var (wrong, fresh) = (new List<string>(), new List<string>());
        foreach (var shape in shapes)
        {
            if (!records.TryGetValue(shape.Table.Table, out var record))
            {
                fresh.Add($"{shape.Table.Table}: the table has no record. It would be:\n\n{shape.Source()}");
                continue;
            }
            foreach (var mapped in record.Columns)
                Compare(shape, record, mapped, wrong);
            foreach (
                var property in shape.Properties.Where(property => !record.Columns.Any(mapped => Same(mapped.Column, property.Column.Name)))
            )
                fresh.Add(
                    $"{shape.Table.Table}.{property.Column.Name}: {record.Name} does not map the column; it would be `{shape.Parameter(property)}`"
                );
            var key = shape.Properties.Where(property => property.IsKey).Select(property => property.Column.Name).ToArray();
            if (
                !record
                    .Columns.Where(mapped => mapped.IsKey)
                    .Select(mapped => mapped.Column)
                    .SequenceEqual(key, StringComparer.OrdinalIgnoreCase)
            )
                wrong.Add(
                    $"{shape.Table.Table}: the primary key is ({string.Join(", ", key)}); mark these with [Key] in {record.Name}, in this order, and no others"
                );
        }
        return new(wrong, fresh);
    }

    static void Compare(RowShape shape, MappedRecord record, MappedColumn mapped, List<string> wrong)
    {
        var column = $"{shape.Table.Table}.{mapped.Column}";
        if (shape.Properties.FirstOrDefault(property => Same(property.Column.Name, mapped.Column)) is not { } now)
        {
            var unsupported = shape.LeftOut.FirstOrDefault(left => Same(left.Name, mapped.Column));
            wrong.Add(
                unsupported is null
                    ? $"{column}: {record.Name}.{mapped.Property} maps a column that is gone; remove it, or name the column with [Column]"
                    : $"{column}: the column is {unsupported.ColumnType} now, which has no form in a row"
            );
            return;
        }
        var type = mapped.Type.TrimEnd('?');
        if (!now.Shape.Takes(type))
            wrong.Add(
                $"{column}: {record.Name}.{mapped.Property} is {type}, the column is {now.Column.ColumnType}; that is {now.Shape.Type}"
            );
        if (now.Column.Nullable && !mapped.Type.EndsWith('?'))
            wrong.Add($"{column}: the column can be NULL, {record.Name}.{mapped.Property} cannot; make it {mapped.Type}?");
    }

    static bool Same(string one, string other) => one.Equals(other, StringComparison.OrdinalIgnoreCase);

    static Dictionary<string, MappedRecord> Records(string folder)
    {
        var records = new Dictionary<string, MappedRecord>(StringComparer.OrdinalIgnoreCase);
        foreach (var file in Directory.EnumerateFiles(folder, "*.cs", SearchOption.AllDirectories).Order(StringComparer.Ordinal))
        {
            if (file.Split(Path.DirectorySeparatorChar).Any(part => part is "bin" or "obj"))
                continue;
            foreach (
                var record in CSharpSyntaxTree
                    .ParseText(File.ReadAllText(file))
                    .GetRoot()
                    .DescendantNodes()
                    .OfType<RecordDeclarationSyntax>()
            )
                if (Argument(record.AttributeLists, "Row") is { } table)
                    records[table] = new(
                        record.Identifier.Text,
                        [
                            .. (record.ParameterList?.Parameters ?? []).Select(parameter =>
                                Column(parameter.Identifier.Text, parameter.Type!, parameter.AttributeLists)
                            ),
                            .. record
                                .Members.OfType<PropertyDeclarationSyntax>()
                                .Where(property =>
                                    property.AccessorList?.Accessors.Any(accessor => accessor.Keyword.Text is "init" or "set") ?? false
                                )
                                .Select(property => Column(property.Identifier.Text, property.Type, property.AttributeLists)),
                        ]
                    );
        }
        return records;
    }

    static MappedColumn Column(string property, TypeSyntax type, Microsoft.CodeAnalysis.SyntaxList<AttributeListSyntax> attributes) =>
        new(property, type.ToString(), Argument(attributes, "Column") ?? Naming.ColumnOf(property), Attributes(attributes, "Key").Any());

    static IEnumerable<AttributeSyntax> Attributes(Microsoft.CodeAnalysis.SyntaxList<AttributeListSyntax> lists, string name) =>
        lists
            .SelectMany(list => list.Attributes)
            .Where(attribute =>
                attribute.Name.ToString().Split('.')[^1] is var written && (written == name || written == name + "Attribute")
            );

    static string? Argument(Microsoft.CodeAnalysis.SyntaxList<AttributeListSyntax> lists, string name) =>
        Attributes(lists, name).FirstOrDefault()?.ArgumentList?.Arguments.FirstOrDefault()?.Expression is LiteralExpressionSyntax literal
            ? literal.Token.ValueText
            : null;

    sealed record MappedRecord(string Name, IReadOnlyList<MappedColumn> Columns);

    sealed record MappedColumn(string Property, string Type, string Column, bool IsKey);
}
