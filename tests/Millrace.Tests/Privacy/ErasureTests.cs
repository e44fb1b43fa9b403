using Millrace.Engines;
using Millrace.Testing;
using static Millrace.Testing.Row;
using static Millrace.Tests.Privacy.PatientCommand;
using static Millrace.Tests.Privacy.PatientEvent;

namespace Millrace.Tests.Privacy;

/// <summary>An entity's personal data is encrypted with a key of its own; without the key nothing of it is left.</summary>
public class ErasureTests
{
    private static readonly PatientRow Ann = new(1, "Ann Plain", "Oslo");
    private static readonly PatientRow Bob = new(2, "Bob Plain", "Oslo");
    private static readonly VisitRow Cough = new(10, PatientId: 1, "a plain cough");

    private static Scenario Desk(Topology? topology = null) => Scenario.Of(topology ?? Clinic.Topology, new Crowd(1));

    private static Scenario Busy(Scenario scenario) =>
        scenario
            .When(Insert(Ann), Insert(Bob))
            .When(Insert(Cough))
            .When(1, new Note("a plain note"))
            .ThenAccepted()
            // Its outcome is remembered with the client's key.
            .When(1, new Note(""), new SendOptions { IdempotencyKey = "once" })
            .ThenRejected("A note on the plain Ann Plain must not be empty.");

    private static List<string> InLogs(Scenario scenario) => Plaintext.InLogs(scenario.Engine, scenario.Runtime, "plain");

    [Fact]
    public void Personal_values_are_read_by_every_stage_and_stand_nowhere_in_the_logs()
    {
        var scenario = Desk();
        scenario
            .When(Insert(Ann), Insert(Bob))
            .Then(Clinic.Patient, 1, new Registered("Ann Plain", "Oslo"))
            .Then(new Alert("2 in Oslo, the last the plain 2"))
            .When(Insert(Cough))
            .Then(Clinic.Patient, 1, new Visited("a plain cough"))
            .When(1, new Note("a plain note"))
            .Then(Clinic.Patient, 1, new Noted("a plain note", 1))
            .Then(new Alert("Ann Plain: a plain note"))
            .When(1, new Note(""))
            .ThenRejected("A note on the plain Ann Plain must not be empty.")
            .After(TimeSpan.FromHours(1))
            .Then(new Alert("Call Ann Plain about a plain cough"))
            .ThenView(Clinic.Cards, 1, new PatientCard("Ann Plain", 1));
        Assert.Equal(["1:Ann Plain", "2:Bob Plain"], scenario.Runtime.View<CityList>().Get("Oslo")!.Patients);
        Assert.Empty(InLogs(scenario));
        Assert.NotEmpty(Plaintext.InStates(scenario.Engine, scenario.Runtime, "plain"));
    }

    [Fact]
    public void Without_the_declaration_the_same_values_do_stand_in_the_logs() =>
        Assert.NotEmpty(InLogs(Scenario.Of(Clinic.Of(Clinic.Open)).When(Insert(Ann))));

    [Fact]
    public void What_an_erased_entity_had_is_gone_from_mirror_state_views_and_timers_and_nothing_parks()
    {
        var scenario = Busy(Desk());
        scenario.Erase(Clinic.Patient, 1).Then(Clinic.Patient, 1).ThenNoIntent().ThenView(Clinic.Cards, 1, null);
        Assert.Equal(["2:Bob Plain"], scenario.Runtime.View<CityList>().Get("Oslo")!.Patients);
        scenario.After(TimeSpan.FromHours(2)).ThenNoIntent();
        Assert.Empty(scenario.Runtime.Held());
        Assert.Empty(Plaintext.InStates(scenario.Engine, scenario.Runtime, "ann"));
        Assert.Empty(Plaintext.InStates(scenario.Engine, scenario.Runtime, "cough"));
        Assert.Empty(Plaintext.InStates(scenario.Engine, scenario.Runtime, "note"));
        Assert.Empty(InLogs(scenario));
        // The other patient is as before.
        scenario.ThenView(Clinic.Cards, 2, new PatientCard("Bob Plain", 0)).When(2, new Note("more")).ThenAccepted();
    }

    [Fact]
    public void After_an_erasure_an_entity_begins_from_nothing_with_another_key()
    {
        var scenario = Busy(Desk());
        scenario
            .Erase(Clinic.Patient, 1)
            .When(1, new Note("too late"))
            .ThenRejected("There is no patient 1.")
            .When(Update(Ann with { Name = "Ann Plainer" }))
            .Then(Clinic.Patient, 1, new Registered("Ann Plainer", "Oslo"))
            .When(1, new Note("a plain note"))
            .Then(Clinic.Patient, 1, new Noted("a plain note", 1))
            .ThenView(Clinic.Cards, 1, new PatientCard("Ann Plainer", 0));
        Assert.Empty(InLogs(scenario));
        scenario.Erase(Clinic.Patient, 1).ThenView(Clinic.Cards, 1, null);
        Assert.Equal(2, scenario.Runtime.Seals!.Keys.Find("patient", "1").Dropped.Count);
    }

    [Fact]
    public async Task What_was_not_decided_yet_when_the_entity_was_erased_is_passed_over()
    {
        var scenario = Desk();
        scenario.Given(Insert(Ann));
        await Append(scenario, Update(Ann with { Name = "Ann Plainest" }), Insert(Cough));
        scenario.Erase(Clinic.Patient, 1).Then(Clinic.Patient, 1).ThenView(Clinic.Cards, 1, null);
        Assert.Empty(scenario.Runtime.Held());
        Assert.Empty(Plaintext.InStates(scenario.Engine, scenario.Runtime, "plain"));
    }

    [Fact]
    public void Parked_and_waiting_entities_are_erased_with_what_queues_behind_them()
    {
        var scenario = Desk();
        scenario.When(Insert(Cough));
        Assert.Single(Plaintext.InStates(scenario.Engine, scenario.Runtime, "cough"));
        scenario.Erase(Clinic.Patient, 1);
        Assert.Empty(Plaintext.InStates(scenario.Engine, scenario.Runtime, "cough"));
        scenario.When(Insert(Bob with { Name = "plain poison" }));
        Assert.Single(scenario.Runtime.Held());
        scenario.Erase(Clinic.Patient, 2);
        Assert.Empty(scenario.Runtime.Held());
        Assert.Empty(Plaintext.InStates(scenario.Engine, scenario.Runtime, "plain"));
        scenario.When(Update(Bob));
        Assert.Equal("Bob Plain", scenario.Runtime.View<PatientCard>().Get(2)!.Name);
    }

    [Fact]
    public async Task A_batch_that_an_erasure_overtook_is_refused_and_read_again()
    {
        var scenario = Desk();
        scenario.Given(Insert(Ann));
        var capture = scenario.Runtime.Captures[0];
        var table = capture.Bind(capture.Tables.Single(table => table.Name == "patients"), ["id", "name", "city"], []);
        var batch = capture.Begin();
        batch.BeginTransaction("tx"u8, new Sources.SourcePosition(1, 100, 1), scenario.Now);
        batch.Insert(table, new Sources.RowImage("""{"id":1,"name":"x","city":"y"}"""u8, [new(6, 1), new(15, 3), new(26, 3)]));
        batch.End();
        scenario.Erase(Clinic.Patient, 1);
        await Assert.ThrowsAsync<EngineException>(async () => await batch.CommitAsync(TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task Only_a_personal_aggregate_can_be_erased_and_only_with_a_reason()
    {
        var runtime = Scenario.Of(Clinic.Of(Clinic.Open)).Runtime;
        var refused = await Assert.ThrowsAsync<ArgumentException>(() => Erase("patient", "asked for"));
        Assert.Contains(".Personal()", refused.Message);
        await Assert.ThrowsAsync<ArgumentException>(() => Erase("nobody", "asked for"));
        await Assert.ThrowsAsync<ArgumentException>(() => Erase("patient", " "));

        Task Erase(string aggregate, string reason) =>
            runtime.EraseAsync(aggregate, "1", reason, null, TestContext.Current.CancellationToken);
    }

    [Fact]
    public void What_could_not_be_erased_is_refused_at_the_start()
    {
        var keyed = Reaction
            .Named("keyed")
            .Of(Clinic.Patient)
            .KeyedBy((Registered e) => e.City)
            .State(new CallBack())
            .React((_, e, _) => Then.Keep(new CallBack(e.Name)));
        var topology = Clinic.Of(Clinic.Patient).Add(Clinic.CitiesOf(Clinic.Patient)).Add(keyed);
        var problems = TopologyCheck.Problems(topology);
        Assert.Equal(2, problems.Count);
        Assert.Contains("The view \"cities\"", problems[0]);
        Assert.Contains(".Erase(", problems[0]);
        Assert.Contains("The reaction \"keyed\"", problems[1]);
    }

    [Fact]
    public void A_personal_aggregate_stays_personal_and_another_may_become_so()
    {
        var scenario = Scenario.Of(Clinic.Of(Clinic.Open).Add(Clinic.CardsOf(Clinic.Open)));
        scenario.When(Insert(Ann)).ThenView(Clinic.CardsOf(Clinic.Open), 1, new PatientCard("Ann Plain", 0));
        var personal = Clinic.Of(Clinic.Patient).Add(Clinic.Cards);
        scenario = scenario.Restarted(personal).When(Insert(Cough)).ThenView(Clinic.Cards, 1, new PatientCard("Ann Plain", 1));
        // From here on: what was recorded before stays as it is.
        Assert.Empty(Plaintext.InLogs(scenario.Engine, scenario.Runtime, "cough"));
        Assert.NotEmpty(InLogs(scenario));
        var refused = Assert.Throws<MillraceStartException>(() =>
            scenario.Restarted(Clinic.Of(Clinic.Open).Add(Clinic.CardsOf(Clinic.Open)))
        );
        Assert.Contains("call .Personal() on it again", refused.Message);
    }

    /// <summary>Into the command log, and nothing is decided yet.</summary>
    private static async Task Append(Scenario scenario, params RowOp[] rows) =>
        await scenario.Binlog.WriteAsync([.. rows.SelectMany(scenario.Monolith.Do)], scenario.Now, TestContext.Current.CancellationToken);
}
