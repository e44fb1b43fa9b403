using System.Reflection;
using System.Reflection.Emit;
using Millrace.Engines;
using Millrace.Testing;
using static Millrace.Testing.Row;
using static Millrace.Tests.Rules.Witness;

namespace Millrace.Tests.Rules;

/// <summary>Which code decided belongs to the log: a change of it writes a record in every partition, and so does what an operator does.</summary>
public class CodeIsRecorded
{
    [Fact]
    public void The_first_start_writes_the_code_into_every_partition() =>
        Assert.Equal([1, 1, 1, 1], Records(Scenario.Of(Orders), "millrace.code").Select(of => of.Count));

    [Fact]
    public void A_start_of_the_same_code_writes_nothing() =>
        Assert.Equal([1, 1, 1, 1], Records(Scenario.Of(Orders).Restarted(), "millrace.code").Select(of => of.Count));

    [Fact]
    public void A_start_of_other_code_writes_it_into_every_partition()
    {
        var other = Order.OnTransaction(DecideOfAnotherBuild());
        var scenario = Scenario
            .Of(Orders)
            .Given(Insert(new OrderRow(1, "open")))
            .Restarted(Topology.Named("witness").Json(WitnessJson.Default).Add(other));
        var records = Records(scenario, "millrace.code");
        Assert.Equal([2, 2, 2, 2], records.Select(of => of.Count));
        Assert.All(records, of => Assert.NotEqual(of[0], of[1]));
    }

    [Fact]
    public void The_events_decided_by_it_come_after_it_in_the_event_log()
    {
        var scenario = Scenario.Of(Orders).When(Insert(new OrderRow(1, "open")));
        var events = scenario.Runtime.Application.Events(Order);
        for (var partition = 0; partition < events.Partitions; partition++)
        {
            using var reader = scenario.Engine.Read(new TopicPartition(events, partition), 0);
            Assert.True(reader.TryRead(1, out var batch));
            Assert.Equal(
                "millrace.code",
                System.Text.Encoding.UTF8.GetString(new RecordHeaders(batch.Records.Span[0].Headers.Span)[Header.Type])
            );
        }
    }

    [Fact]
    public async Task Skipping_a_parked_command_is_a_record_with_its_reason()
    {
        var scenario = Scenario
            .Of(Orders)
            .Given(Insert(new OrderRow(1, "open")))
            .When(Update(new OrderRow(1, "poison")))
            .ThenParked(Order, 1)
            .When(Update(new OrderRow(1, "poison", "still")))
            .Then(Order, 1);
        await scenario.Runtime.Operator.SkipAsync("order", "1", null, "a typing error", "ann");
        scenario.Settle();
        scenario.ThenParked(Order, 1);
        Assert.Contains("a typing error", Assert.Single(Records(scenario, "millrace.skip").SelectMany(of => of)), StringComparison.Ordinal);
    }

    private static List<List<string>> Records(Scenario scenario, string type)
    {
        var commands = scenario.Runtime.Application.Commands(Order);
        var found = new List<List<string>>();
        for (var partition = 0; partition < commands.Partitions; partition++)
        {
            var of = new List<string>();
            using var reader = scenario.Engine.Read(new TopicPartition(commands, partition), 0);
            while (reader.TryRead(100, out var batch))
            {
                foreach (var record in batch.Records.ToArray())
                {
                    if (System.Text.Encoding.UTF8.GetString(new RecordHeaders(record.Headers.Span)[Header.Type]) == type)
                    {
                        of.Add(System.Text.Encoding.UTF8.GetString(record.Value.Span));
                    }
                }
            }
            found.Add(of);
        }
        return found;
    }

    // The code of an assembly that is built anew has another module version.
    private static DecideTransaction<Told, OrderRow, Seen> DecideOfAnotherBuild()
    {
        var module = AssemblyBuilder
            .DefineDynamicAssembly(new AssemblyName("AnotherBuild"), AssemblyBuilderAccess.Run)
            .DefineDynamicModule("AnotherBuild");
        var type = module.DefineType("Decisions", TypeAttributes.Public);
        var method = type.DefineMethod(
            "Decide",
            MethodAttributes.Public | MethodAttributes.Static,
            typeof(IEnumerable<Seen>),
            [typeof(Told), typeof(Change<OrderRow>), typeof(Context<OrderRow>)]
        );
        var code = method.GetILGenerator();
        code.Emit(OpCodes.Ldc_I4_0);
        code.Emit(OpCodes.Newarr, typeof(Seen));
        code.Emit(OpCodes.Ret);
        return type.CreateType().GetMethod("Decide")!.CreateDelegate<DecideTransaction<Told, OrderRow, Seen>>();
    }
}
