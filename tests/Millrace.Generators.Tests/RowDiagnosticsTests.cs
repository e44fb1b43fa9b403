using Microsoft.CodeAnalysis;

namespace Millrace.Generators.Tests;

public class RowDiagnosticsTests
{
    [Theory]
    [InlineData("MILL100", "[Row(\"t\")] public partial class R { [Key] public int Id { get; init; } }")]
    [InlineData("MILL100", "[Row(\"t\")] public abstract partial record R([Key] int Id);")]
    [InlineData("MILL100", "[Row(\"t\")] public partial record R<T>([Key] int Id);")]
    [InlineData("MILL100", "public record Base; [Row(\"t\")] public partial record R([Key] int Id) : Base;")]
    [InlineData("MILL101", "[Row(\"t\")] public sealed record R([Key] int Id);")]
    [InlineData("MILL102", "[Row(\"t\")] public sealed partial record R(int Id);")]
    [InlineData("MILL103", "public class P; [Row(\"t\")] public sealed partial record R([Key] int Id, [ChildOf<P>] int ParentId);")]
    [InlineData("MILL103", "public class P; [Row(\"t\")] public sealed partial record R([Key] int Id, [References<P>] int ParentId);")]
    [InlineData("MILL104", "[Row(\"t\")] public sealed partial record R([Key] int Id, System.Version Version);")]
    [InlineData("MILL105", "[Row(\"t\")] public sealed partial record R([Key] int Id, [Column(\"id\")] int Other);")]
    [InlineData("MILL106", "public class Outer { [Row(\"t\")] public sealed partial record R([Key] int Id); }")]
    [InlineData(
        "MILL107",
        "[Row(\"p\")] public sealed partial record P([Key] int A, [Key] int B); [Row(\"t\")] public sealed partial record R([Key] int Id, [ChildOf<P>] int A);"
    )]
    [InlineData(
        "MILL107",
        "[Row(\"p\")] public sealed partial record P([Key] int A); [Row(\"q\")] public sealed partial record Q([Key] int A);"
            + "[Row(\"t\")] public sealed partial record R([Key] int Id, [ChildOf<P>] int P, [ChildOf<Q>] int Q);"
    )]
    [InlineData("MILL107", "[Row(\"t\")] public sealed partial record R([Key] int Id, [ChildOf<R>] int ParentId);")]
    [InlineData("MILL108", "[Row(\"t\")] public sealed partial record R([Key] int Id, [OccurredAt] string When);")]
    [InlineData(
        "MILL108",
        "[Row(\"t\")] public sealed partial record R([Key] int Id, [OccurredAt] System.DateTime A, [OccurredAt] System.DateTime B);"
    )]
    [InlineData("MILL109", "public sealed record R([Key] int Id);")]
    [InlineData("MILL109", "[Row(\"t\")] public sealed partial record R([Key] int Id) { [Column(\"x\")] public int X => 1; }")]
    [InlineData("MILL110", "[Row(\"t\")] public sealed partial record R { public R(string x) { } [Key] public int Id { get; init; } }")]
    [InlineData("MILL112", "[Row(\"t\")] public sealed partial record R([Key] int Id, string Definition);")]
    [InlineData("MILL111", "[Row(\"\")] public sealed partial record R([Key] int Id);")]
    public void What_is_wrong_with_a_row_record_is_an_error(string id, string source)
    {
        var compiled = Compiled.Of("using Millrace; namespace Test;" + source);
        Assert.Equal([id], compiled.Diagnostics.Where(d => d.Id.StartsWith("MILL", StringComparison.Ordinal)).Select(d => d.Id).Distinct());
        Assert.All(compiled.Diagnostics, d => Assert.StartsWith("MILL", d.Id, StringComparison.Ordinal));
    }

    [Fact]
    public void A_message_names_record_and_property()
    {
        var compiled = Compiled.Of("using Millrace; [Row(\"t\")] public sealed partial record R([Key] int Id, System.Version Version);");
        Assert.StartsWith("R.Version is of type System.Version", Assert.Single(compiled.Errors).GetMessage(null), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("[Row(\"t\")] sealed partial record R([Key] int Id);")]
    [InlineData(
        "namespace A.B; partial class @class { partial record struct S { [Row(\"t\")] private sealed partial record R([Key] int @event); } }"
    )]
    [InlineData("#nullable disable\n[Row(\"t\")] partial record R([Key] string Id, string Name);")]
    [InlineData(
        "[Row(\"t\")] partial record R([Key] int Id) { public string Name { get; set; } = \"\"; public static int Count { get; set; } }"
    )]
    [InlineData("[Row(\"t\")] partial record R([property: Key] int Id, [property: Column(\"x\")] int Y);")]
    [InlineData("namespace N { [Row(\"p\")] partial record P([Key] int Id, System.DayOfWeek Day, System.DayOfWeek? Other); }")]
    public void Unusual_declarations_are_no_trouble(string source) =>
        Assert.Empty(
            Compiled
                .Of("using Millrace;" + source.Replace("#nullable disable\n", "\n#nullable disable\n", StringComparison.Ordinal))
                .Diagnostics
        );

    [Theory]
    [InlineData("CategoryId", "category_id")]
    [InlineData("URLPath", "url_path")]
    [InlineData("Line2", "line2")]
    [InlineData("sys_updated_at", "sys_updated_at")]
    [InlineData("IsVIP", "is_vip")]
    [InlineData("X", "x")]
    public void A_property_is_the_column_of_its_name_in_snake_case(string property, string column) =>
        Assert.Equal(column, SnakeCase.Of(property));
}
