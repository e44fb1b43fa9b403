using Millrace.Embedded.Tests;

// The tests start this program again as a process they can kill.
return args is ["crash", var folder, var seed]
    ? await CrashChild.Run(folder, int.Parse(seed))
    : await Xunit.MicrosoftTestingPlatform.TestPlatformTestFramework.RunAsync(args, SelfRegisteredExtensions.AddSelfRegisteredExtensions);
