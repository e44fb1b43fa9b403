using System.Globalization;
using System.Reflection;
using System.Text;
using System.Text.Json;

namespace Millrace;

/// <summary>Writes what happened to a real entity as a test in C#: its rows and commands, and after each what this build publishes.</summary>
internal sealed class CopiedTest(Topology topology, EntityName entity, ExcerptMask mask, IReadOnlyDictionary<Type, object> settings)
{
    private readonly AggregateDefinition _aggregate = topology.Aggregates.First(aggregate => aggregate.Name == entity.Aggregate);
    private readonly Dictionary<(string Table, string Key), string> _rows = [];
    private readonly SortedSet<string> _cascades = new(StringComparer.Ordinal);

    public string Of(
        IReadOnlyList<(ShownRecord Command, IReadOnlyList<ShownRecord> Published)> history,
        IReadOnlyDictionary<(string Table, string Key), string> references
    )
    {
        var steps = new StringBuilder();
        foreach (var (command, published) in history)
        {
            if (Stop(command) is { } why)
            {
                steps.Append(CultureInfo.InvariantCulture, $"            // {why}\n");
                break;
            }
            Step(steps, command, published);
        }
        var text = new StringBuilder();
        var name = $"{Word(entity.Aggregate)}_{Word(entity.Id)}";
        text.Append(
            $$"""
            using System.Text.Json;
            using Millrace;
            using Millrace.Testing;
            using Xunit;
            using static Millrace.Testing.Row;

            /// <summary>What happened to {{entity}}, copied from its recorded commands.</summary>
            public class {{name}}_as_recorded
            {
                [Fact]
                public void {{name}}_goes_as_recorded()
                {
                    Scenario
                        .Of({{Place(topology, typeof(Topology))}}{{string.Concat(settings.Select(Setting))}})

            """.ReplaceLineEndings("\n")
        );
        foreach (var cascade in _cascades)
        {
            text.Append(CultureInfo.InvariantCulture, $"            .OnDeleteCascade<{RecordOf(cascade)}>()\n");
        }
        var tables = _aggregate.References.Select(table => table.Table).ToHashSet();
        var needed = references
            .Where(row => tables.Contains(row.Key.Table))
            .Select(row => $"Insert({Row(row.Key.Table, row.Value)})")
            .ToList();
        if (needed.Count > 0)
        {
            text.Append(CultureInfo.InvariantCulture, $"            .Given({string.Join(", ", needed)})\n");
        }
        text.Append(steps.ToString().TrimEnd('\n')).Append(";\n    }\n");
        foreach (var type in (Type[])[_aggregate.EventType, .. _aggregate.CommandTypes])
        {
            text.Append(
                CultureInfo.InvariantCulture,
                $"\n    private static {Name(type)} {type.Name}(string json) =>\n        ({Name(type)})JsonSerializer.Deserialize(json, typeof({Name(type)}), {ContextOf(type)})!;\n"
            );
        }
        return text.Append("}\n").ToString();
    }

    /// <summary>Why the test ends before a command; null where it goes on.</summary>
    private static string? Stop(ShownRecord command)
    {
        if (command.Value is null)
        {
            return $"Command {command.Id} is erased.";
        }
        var at = 0;
        while (command.Kind == Engines.RecordKind.Changes && ChangeBody.Next(Encoding.UTF8.GetBytes(command.Value), ref at, out var change))
        {
            if (change.Op is ChangeOp.Joined or ChangeOp.Left)
            {
                return $"Command {command.Id} moves a row between two entities, and this test has one.";
            }
        }
        return null;
    }

    private void Step(StringBuilder text, ShownRecord command, IReadOnlyList<ShownRecord> published)
    {
        if (command.Kind != Engines.RecordKind.Changes)
        {
            Native(text, command, published.FirstOrDefault(record => record.Type.Length == 0));
        }
        else if (command.Id.StartsWith("snapshot-", StringComparison.Ordinal))
        {
            foreach (var table in Changes(command).Select(change => Apply(change).Table).Distinct().ToList())
            {
                var rows = _rows.Where(row => row.Key.Table == table).Select(row => Row(table, row.Value));
                text.Append(CultureInfo.InvariantCulture, $"            .Snapshot<{RecordOf(table)}>({string.Join(", ", rows)})\n");
            }
        }
        else
        {
            var operations = Changes(command).Select(change => Apply(change).Operation).OfType<string>().ToList();
            text.Append(CultureInfo.InvariantCulture, $"            .When({string.Join(", ", operations)})\n");
        }
        var events = published.Where(record => record.Type.Length > 0).Select(e => $", {_aggregate.EventType.Name}({Json(e.Value!)})");
        text.Append(
            CultureInfo.InvariantCulture,
            $"            .Then({Place(_aggregate, _aggregate.GetType().BaseType!)}, {Literal(entity.Id)}{string.Concat(events)})\n"
        );
    }

    private void Native(StringBuilder text, ShownRecord command, ShownRecord? answer)
    {
        var type = _aggregate.CommandTypes.First(type => CommandNames.Of(topology.JsonType(type)!).Contains(command.Type));
        text.Append(CultureInfo.InvariantCulture, $"            .When({Literal(entity.Id)}, {type.Name}({Json(command.Value!)}))\n");
        var outcome = answer?.Value is { } json ? JsonSerializer.Deserialize(json, MillraceJson.Default.OutcomeRecord) : null;
        text.Append(outcome?.Rejected is { } reason ? $"            .ThenRejected({Literal(reason)})\n" : "            .ThenAccepted()\n");
    }

    private static List<(string Table, string Key, ChangeOp Op, string Row, string Cascade)> Changes(ShownRecord command)
    {
        var (changes, at) = (new List<(string, string, ChangeOp, string, string)>(), 0);
        while (ChangeBody.Next(Encoding.UTF8.GetBytes(command.Value!), ref at, out var change))
        {
            changes.Add(
                (
                    change.TableName,
                    Encoding.UTF8.GetString(change.Key),
                    change.Op,
                    Encoding.UTF8.GetString(change.Row),
                    Encoding.UTF8.GetString(change.Cascade)
                )
            );
        }
        return changes;
    }

    /// <summary>Does a change to the rows; how a scenario says it, null where it does nothing.</summary>
    private (string Table, string? Operation) Apply((string Table, string Key, ChangeOp Op, string Row, string Cascade) change)
    {
        var key = (change.Table, change.Key);
        if (change.Op == ChangeOp.Delete)
        {
            foreach (
                var table in change.Cascade.Length > 2 ? JsonSerializer.Deserialize(change.Cascade, MillraceJson.Default.StringArray)! : []
            )
            {
                _cascades.Add(table);
                foreach (var child in _rows.Keys.Where(row => row.Table == table).ToList())
                {
                    _rows.Remove(child);
                }
            }
            return (change.Table, _rows.Remove(key, out var gone) ? $"Delete({Row(change.Table, gone)})" : null);
        }
        var known = _rows.ContainsKey(key);
        _rows[key] = change.Row;
        return (change.Table, $"{(known ? "Update" : "Insert")}({Row(change.Table, change.Row)})");
    }

    private string Row(string table, string json) => $"{RecordOf(table)}.Parse({Json(json)}u8)";

    private string RecordOf(string table) => Name(_aggregate.Records.First(record => record.Table.Table == table).Record);

    private string Setting(KeyValuePair<Type, object> setting) =>
        $", JsonSerializer.Deserialize({Json(JsonSerializer.Serialize(setting.Value, topology.JsonType(setting.Key)!))}, typeof({Name(setting.Key)}), {ContextOf(setting.Key)})!";

    private string ContextOf(Type type) =>
        $"{Name(topology.Contexts.First(context => context.GetTypeInfo(type) is not null).GetType())}.Default";

    private string Json(string json) => RawLiteral(Encoding.UTF8.GetString(mask.Apply(Encoding.UTF8.GetBytes(json)).Span));

    private static string RawLiteral(string text)
    {
        var quotes = "\"\"\"";
        while (text.Contains(quotes, StringComparison.Ordinal) || text.EndsWith('"'))
        {
            if (text.EndsWith('"'))
            {
                text += " ";
                continue;
            }
            quotes += "\"";
        }
        return $"{quotes}{text}{quotes}";
    }

    private static string Literal(string text) => JsonSerializer.Serialize(text, MillraceJson.Default.String);

    /// <summary>Where a value stands in the application's code: a public static field or property that has it.</summary>
    private static string Place(object value, Type type)
    {
        const BindingFlags Public = BindingFlags.Public | BindingFlags.Static;
        foreach (
            var candidate in AppDomain
                .CurrentDomain.GetAssemblies()
                .Where(assembly => assembly.GetReferencedAssemblies().Any(name => name.Name == "Millrace"))
                .SelectMany(assembly => assembly.GetExportedTypes())
                .Where(candidate => !candidate.ContainsGenericParameters)
        )
        {
            var field = candidate
                .GetFields(Public)
                .FirstOrDefault(field => type.IsAssignableFrom(field.FieldType) && ReferenceEquals(field.GetValue(null), value));
            var property = candidate
                .GetProperties(Public)
                .FirstOrDefault(property =>
                    type.IsAssignableFrom(property.PropertyType) && ReferenceEquals(property.GetValue(null), value)
                );
            if ((field as MemberInfo ?? property) is { } found)
            {
                return $"{Name(candidate)}.{found.Name}";
            }
        }
        throw new ReplayException(
            $"A test could not name the {(value is Topology ? "topology" : "aggregate")}: keep it in a public static field or property, as in Desk.Topology."
        );
    }

    private static string Name(Type type) => $"global::{type.FullName!.Replace('+', '.')}";

    private static string Word(string text) => string.Concat(text.Select(c => char.IsLetterOrDigit(c) ? c : '_'));
}
