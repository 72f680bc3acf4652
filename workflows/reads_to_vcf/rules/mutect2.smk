# Somatic by GATK: Mutect2 with a normal or with a panel of normals alone, orientation model, contamination, filters.
if CALLER == "gatk":
    GATK = config["gatk"]

    rule mutect2:
        input:
            bams=lambda wildcards: [ready(sample) for sample in pair(wildcards.tumour)],
            indices=lambda wildcards: [f"{ready(sample)}.bai" for sample in pair(wildcards.tumour)],
            checks=lambda wildcards: [f"work/aligned/{sample}.txt" for sample in pair(wildcards.tumour)],
            reference=REFERENCE,
            piece=lambda wildcards: PIECE_FILES[wildcards.piece],
        output:
            vcf=temp("work/mutect2/{tumour}.{piece}.vcf.gz"),
            stats=temp("work/mutect2/{tumour}.{piece}.vcf.gz.stats"),
            turns=temp("work/mutect2/{tumour}.{piece}.f1r2.tar.gz"),
        log:
            "logs/mutect2/{tumour}.{piece}.log",
        params:
            gatk=GATK["program"],
            bams=lambda wildcards, input: [part for path in input.bams for part in ("-I", path)],
            normal=lambda wildcards: ["-normal", NORMAL[wildcards.tumour]] if NORMAL[wildcards.tumour] else [],
            panel=["--panel-of-normals", GATK["panel_of_normals"]] if GATK["panel_of_normals"] else [],
            germline=["--germline-resource", GATK["germline_resource"]] if GATK["germline_resource"] else [],
        shell:
            "{params.gatk:q} Mutect2 -R {input.reference:q} {params.bams:q} {params.normal:q} {params.panel:q}"
            " {params.germline:q} -L {input.piece:q} --f1r2-tar-gz {output.turns:q} -O {output.vcf:q} 2> {log:q}"

    rule gather_mutect2:
        input:
            expand("work/mutect2/{{tumour}}.{piece}.vcf.gz", piece=PIECES),
        output:
            temp("work/mutect2/{tumour}.vcf.gz"),
        log:
            "logs/gather_mutect2/{tumour}.log",
        params:
            gatk=GATK["program"],
            parts=lambda wildcards, input: [part for path in input for part in ("-I", path)],
        shell:
            "{params.gatk:q} GatherVcfs {params.parts:q} -O {output:q} 2> {log:q} && bcftools index -f -t {output:q} 2>> {log:q}"

    rule gather_stats:
        input:
            expand("work/mutect2/{{tumour}}.{piece}.vcf.gz.stats", piece=PIECES),
        output:
            temp("work/mutect2/{tumour}.stats"),
        log:
            "logs/gather_stats/{tumour}.log",
        params:
            gatk=GATK["program"],
            parts=lambda wildcards, input: [part for path in input for part in ("-stats", path)],
        shell:
            "{params.gatk:q} MergeMutectStats {params.parts:q} -O {output:q} 2> {log:q}"

    rule orientation:
        input:
            expand("work/mutect2/{{tumour}}.{piece}.f1r2.tar.gz", piece=PIECES),
        output:
            temp("work/mutect2/{tumour}.orientation.tar.gz"),
        log:
            "logs/orientation/{tumour}.log",
        params:
            gatk=GATK["program"],
            parts=lambda wildcards, input: [part for path in input for part in ("-I", path)],
        shell:
            "{params.gatk:q} LearnReadOrientationModel {params.parts:q} -O {output:q} 2> {log:q}"

    rule pileup_summary:
        input:
            bam=lambda wildcards: ready(wildcards.sample),
            bai=lambda wildcards: f"{ready(wildcards.sample)}.bai",
        output:
            temp("work/mutect2/{sample}.pileups"),
        log:
            "logs/pileup_summary/{sample}.log",
        params:
            gatk=GATK["program"],
            sites=GATK["common_sites"] or "",
        shell:
            "{params.gatk:q} GetPileupSummaries -I {input.bam:q} -V {params.sites:q} -L {params.sites:q} -O {output:q} 2> {log:q}"

    rule contamination:
        input:
            lambda wildcards: [f"work/mutect2/{sample}.pileups" for sample in pair(wildcards.tumour)],
        output:
            temp("work/mutect2/{tumour}.contamination"),
        log:
            "logs/contamination/{tumour}.log",
        params:
            gatk=GATK["program"],
            matched=lambda wildcards, input: ["-matched", input[1]] if len(input) > 1 else [],
        shell:
            "{params.gatk:q} CalculateContamination -I {input[0]:q} {params.matched:q} -O {output:q} 2> {log:q}"

    rule filter_mutect2:
        input:
            vcf="work/mutect2/{tumour}.vcf.gz",
            stats="work/mutect2/{tumour}.stats",
            turns="work/mutect2/{tumour}.orientation.tar.gz",
            contamination=lambda wildcards: [f"work/mutect2/{wildcards.tumour}.contamination"] if GATK["common_sites"] else [],
            reference=REFERENCE,
        output:
            temp("work/gathered/somatic/{tumour}.vcf.gz"),
        log:
            "logs/filter_mutect2/{tumour}.log",
        params:
            gatk=GATK["program"],
            contamination=lambda wildcards, input: ["--contamination-table", input.contamination[0]]
            if input.contamination
            else [],
        shell:
            "{params.gatk:q} FilterMutectCalls -R {input.reference:q} -V {input.vcf:q} -stats {input.stats:q}"
            " --ob-priors {input.turns:q} {params.contamination:q} -O {output:q} 2> {log:q}"
